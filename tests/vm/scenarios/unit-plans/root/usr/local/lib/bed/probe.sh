# What this process was started with, as systemd gave it.
folder=/run/bed/probe
tr '\0' '\n' < /proc/$$/cmdline > "$folder/$0.argv"
tr '\0' '\n' < /proc/$$/environ > "$folder/$0.env"
