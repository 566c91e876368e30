# SPDX-License-Identifier: GPL-2.0-only
# The BPF objects, one beside each program; `make help` says the rest.
CLANG ?= clang
# The kernel's headers for user space: Debian keeps asm/ in a folder per architecture.
MULTIARCH := $(wildcard /usr/include/$(shell uname -m)-linux-gnu)
BPF_CFLAGS := -target bpf -O2 -g -mcpu=v3 -std=gnu11 \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers \
	$(addprefix -idirafter ,$(MULTIARCH)) $(CFLAGS)

PREFIX ?= /usr/local
ROOT = $(DESTDIR)$(PREFIX)
ETC = $(DESTDIR)/etc/xdp-lb
# Of the package: a later commit has a higher one.
VERSION = $(or $(shell TZ=UTC0 git -c safe.directory='*' log -1 --format=0.%cd+%h --date=format-local:%Y%m%d.%H%M%S 2>/dev/null),0)

PROGRAMS := $(wildcard bpf/*.c)
OBJECTS := $(PROGRAMS:.c=.o)
# Programs of the labs that are broken on purpose: built, and never installed.
FAULTS := $(wildcard labs/faults/*.c)
FAULT_OBJECTS := $(FAULTS:.c=.o)
BENCH := tests/bench/build
BENCH_TOOLS := $(addprefix $(BENCH)/,deal.o floors.o ladder.o ladder_nat.o touch.o touch_ipip.o touch_l2dsr.o touch_nat.o packets)
C_FILES := $(PROGRAMS) $(FAULTS) $(wildcard headers/*/*.h maps/*.h maps/types/*.h tests/bench/*.[ch] tests/fuzzer/*.[ch] tests/lib/*.c)
SHELL_FILES := scripts/lb scripts/node scripts/deps $(wildcard scripts/debian/*) $(wildcard scripts/*.bash scripts/lib/*.sh scripts/lib/*/*.sh maps/*.sh maps/types/*.sh labs/*.sh labs/*/*.sh labs/*/*.bashrc labs/*/lab.env labs/code/exercises/*/exercise.env) \
	tests/run tests/fresh tests/soak tests/fuzz tests/floods tests/vm/kernel tests/vm/qemu tests/vm/run tests/vm/drivers tests/vm/guest tests/vm/matrix tests/bench/run $(wildcard tests/*.bats tests/*/*.bats tests/lib/*.bash tests/vm/*.bash tests/lib/*.sh tests/bench/*.sh) .ci/run

UNITS := $(notdir $(wildcard scripts/systemd/*))
EXAMPLES := $(notdir $(wildcard scripts/etc/*))

.PHONY: all test test-kernels test-drivers bench bench-tools lint install uninstall deb clean help

all: $(OBJECTS) $(FAULT_OBJECTS) ## build every BPF object

bpf/%.o: bpf/%.c
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

labs/faults/%.o: labs/faults/%.c
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

test: ## install what the tests need, and run them all
	tests/run

test-kernels: ## in virtual machines: tests on other kernels, and objects by other compilers; prints two tables
	tests/vm/matrix

test-drivers: all ## VLAN devices, bonds and network cards in virtual machines: half an hour
	tests/vm/drivers

bench: ## install what the benchmark needs, and run it: tables, tests/bench/results/*.json and *.svg
	tests/bench/run

bench-tools: $(BENCH_TOOLS)

$(BENCH)/%.o: tests/bench/%.c | $(BENCH)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BENCH)/touch_%.o: bpf/xdp_%.c tests/bench/touch.h | $(BENCH)
	$(CLANG) $(BPF_CFLAGS) -DMAP_PINNING=LIBBPF_PIN_NONE -include tests/bench/touch.h -MMD -MP -c $< -o $@

$(BENCH)/%: tests/bench/%.c | $(BENCH)
	$(CLANG) -O2 -Wall -Wextra -Werror $< -o $@

FUZZER := tests/fuzzer/build/fuzzer
$(FUZZER): $(wildcard tests/fuzzer/*.[ch])
	mkdir -p $(@D)
	$(CLANG) -O2 -Wall -Wextra -Werror $(filter %.c,$^) -o $@

$(BENCH):
	mkdir -p $@

lint: all bench-tools $(FUZZER) ## check the C and the shell: clang -Wall -Wextra -Werror, clang-format, shellcheck, shfmt
	clang-format --dry-run --Werror $(C_FILES)
	shellcheck -x $(SHELL_FILES)
	shfmt -d $(SHELL_FILES)

install: all ## install lb, the objects, units of systemd, the man page and so on; PREFIX=/usr/local, DESTDIR
	install -d $(ROOT)/lib/xdp-lb/bpf $(ROOT)/lib/xdp-lb/maps/types $(ROOT)/lib/xdp-lb/scripts/lib/doctor $(ROOT)/lib/xdp-lb/scripts/lib/start $(ROOT)/sbin \
		$(ROOT)/share/man/man8 $(ROOT)/share/bash-completion/completions
	install -m 644 $(OBJECTS) $(ROOT)/lib/xdp-lb/bpf
	install -m 644 $(wildcard maps/*.sh) $(ROOT)/lib/xdp-lb/maps
	install -m 644 $(wildcard maps/types/*.sh maps/types/*.jq) $(ROOT)/lib/xdp-lb/maps/types
	install -m 644 $(wildcard scripts/lib/*.*) $(ROOT)/lib/xdp-lb/scripts/lib
	install -m 644 $(wildcard scripts/lib/doctor/*.sh) $(ROOT)/lib/xdp-lb/scripts/lib/doctor
	install -m 644 $(wildcard scripts/lib/start/*.sh) $(ROOT)/lib/xdp-lb/scripts/lib/start
	install -m 755 scripts/lb scripts/deps $(ROOT)/lib/xdp-lb/scripts
	ln -sfn ../lib/xdp-lb/scripts/lb $(ROOT)/sbin/lb
	install -d $(ROOT)/lib/xdp-lb/labs/watch/page
	install -m 755 labs/watch.sh $(ROOT)/lib/xdp-lb/labs
	install -m 644 $(filter-out %/screenshots.py,$(wildcard labs/watch/*.py)) $(ROOT)/lib/xdp-lb/labs/watch
	install -m 644 $(wildcard labs/watch/page/*.*) $(ROOT)/lib/xdp-lb/labs/watch/page
	ln -sfn ../lib/xdp-lb/labs/watch.sh $(ROOT)/sbin/lb-console
	install -m 644 scripts/lb.8 $(ROOT)/share/man/man8
	install -m 644 scripts/lb.bash $(ROOT)/share/bash-completion/completions/lb
	install -d $(ROOT)/lib/systemd/system $(ROOT)/share/doc/xdp-lb/examples $(ETC)
	for unit in $(UNITS); do \
		sed 's|/usr/sbin/lb|$(PREFIX)/sbin/lb|' scripts/systemd/$$unit >$(ROOT)/lib/systemd/system/$$unit || exit; \
		chmod 644 $(ROOT)/lib/systemd/system/$$unit; \
	done
	install -m 644 $(addprefix scripts/etc/,$(EXAMPLES)) $(ROOT)/share/doc/xdp-lb/examples
	for file in $(EXAMPLES); do \
		[ -e $(ETC)/$$file ] || install -m 644 scripts/etc/$$file $(ETC) || exit; \
	done
	$(if $(wildcard scripts/prometheus/*),install -m 644 $(wildcard scripts/prometheus/*) $(ROOT)/share/doc/xdp-lb)

uninstall: ## remove what install has put there, but not what was edited in /etc/xdp-lb
	for file in $(EXAMPLES); do \
		! cmp -s scripts/etc/$$file $(ETC)/$$file || rm $(ETC)/$$file; \
	done
	-[ ! -d $(ETC) ] || rmdir --ignore-fail-on-non-empty $(ETC)
	rm -rf $(ROOT)/lib/xdp-lb $(ROOT)/share/doc/xdp-lb
	rm -f $(addprefix $(ROOT)/lib/systemd/system/,$(UNITS))
	rm -f $(ROOT)/sbin/lb $(ROOT)/sbin/lb-console $(ROOT)/share/man/man8/lb.8 $(ROOT)/share/bash-completion/completions/lb

deb: all ## build a package for Debian and Ubuntu here: xdp-lb_VERSION_ARCHITECTURE.deb
	scripts/debian/build "$(VERSION)"

clean: ## remove what was built
	rm -f bpf/*.o bpf/*.d labs/faults/*.o labs/faults/*.d xdp-lb_*.deb
	rm -rf $(BENCH) $(dir $(FUZZER))

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

-include $(OBJECTS:.o=.d) $(FAULT_OBJECTS:.o=.d) $(wildcard $(BENCH)/*.d)
