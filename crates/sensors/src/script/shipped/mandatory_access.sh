# Prints: system|mode|policy|enforced profiles|complaining profiles
# What is there and cannot be read is told on standard error, see the engine of scripts.
missed() {
    if [ -e "$1" ]; then echo "missed denied $1" >&2; fi
}

policy=
if [ -r /etc/selinux/config ]; then
    policy=$(sed -n 's/^[[:space:]]*SELINUXTYPE=[[:space:]]*//p' /etc/selinux/config | tail -n 1)
else
    missed /etc/selinux/config
fi
mode=disabled
if [ -r /sys/fs/selinux/enforce ]; then
    case $(cat /sys/fs/selinux/enforce) in
        1) mode=enforcing ;;
        *) mode=permissive ;;
    esac
elif [ -e /sys/fs/selinux/enforce ]; then
    mode=
    missed /sys/fs/selinux/enforce
fi
printf 'SELinux|%s|%s||\n' "$mode" "$policy"

mode=disabled
switch=/sys/module/apparmor/parameters/enabled
if [ -e "$switch" ]; then
    if state=$(cat "$switch" 2>/dev/null); then
        if [ "$state" = Y ]; then mode=enabled; fi
    else
        mode=
        missed "$switch"
    fi
fi
profiles=/sys/kernel/security/apparmor/profiles
enforced= complaining=
# The file lets everybody open it and only some read it.
if list=$(cat "$profiles" 2>/dev/null); then
    enforced=$(printf '%s\n' "$list" | grep -c '(enforce)$')
    complaining=$(printf '%s\n' "$list" | grep -c '(complain)$')
elif [ -e "$profiles" ]; then
    missed "$profiles"
elif [ "$mode" = enabled ]; then
    # Its folder is closed, or the file system is not mounted.
    echo "missed failed $profiles: it is not there although AppArmor is enabled" >&2
fi
printf 'AppArmor|%s||%s|%s\n' "$mode" "$enforced" "$complaining"
