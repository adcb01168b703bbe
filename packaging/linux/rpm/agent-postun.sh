# After an upgrade the service starts again where it runs. RPM knows no purge: the data stays in /var/lib/cordon/agent.
if [ -d /run/systemd/system ] && [ "$1" -ge 1 ]; then
    if [ -x /usr/lib/systemd/systemd-update-helper ]; then
        # Once, at the end of all that is installed together.
        /usr/lib/systemd/systemd-update-helper mark-restart-system-units cordon-agent.service cordon-index.service || :
    else
        systemctl --system daemon-reload || :
        systemctl try-restart cordon-agent.service cordon-index.service || :
    fi
fi
if [ "$1" -eq 0 ]; then
    # No service keeps the Index any more.
    rm -f /var/lib/cordon/agent/index/service.lock
fi
