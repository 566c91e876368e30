# SPDX-License-Identifier: GPL-2.0-only
# How tmux behaves in labs/tabs.sh, which reads this instead of the user's own file.

# Known on every Debian; tmux-256color is not.
set -g default-terminal screen-256color
set -g mouse on
set -g history-limit 20000
set -g base-index 1
set -g escape-time 10
# A window keeps the name of its machine, whatever runs in it.
set -g allow-rename off
set -g automatic-rename off
# The terminal's own title, for who has several of them.
set -g set-titles on
set -g set-titles-string "#W"

set -g status-style "bg=colour24,fg=white"
set -g status-left-length 60
set -g window-status-format " #I #W "
set -g window-status-current-format " #I #W "
set -g window-status-current-style "bg=white,fg=black,bold"
set -g window-status-separator ""
set -g status-right-length 60
set -g status-right " F8 F9: other tab | F10: end "
set -g status-interval 0

# Keys that work without a prefix, also inside another tmux.
bind -n F8 previous-window
bind -n F9 next-window
bind -n F10 confirm-before -p "close all tabs? The playground stays. (y/n)" kill-session
