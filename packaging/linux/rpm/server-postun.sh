# After an upgrade the service starts again where it runs. RPM knows no purge: the data stays in /var/lib/cordon/server.
if [ -d /run/systemd/system ] && [ "$1" -ge 1 ]; then
    if [ -x /usr/lib/systemd/systemd-update-helper ]; then
        # Once, at the end of all that is installed together.
        /usr/lib/systemd/systemd-update-helper mark-restart-system-units cordon-server.service || :
    else
        systemctl --system daemon-reload || :
        systemctl try-restart cordon-server.service || :
    fi
fi
