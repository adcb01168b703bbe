# Prints: system|mode|policy|enforced profiles|complaining profiles
policy=
if [ -r /etc/selinux/config ]; then
    policy=$(sed -n 's/^[[:space:]]*SELINUXTYPE=[[:space:]]*//p' /etc/selinux/config | tail -n 1)
fi
mode=disabled
if [ -r /sys/fs/selinux/enforce ]; then
    case $(cat /sys/fs/selinux/enforce) in
        1) mode=enforcing ;;
        *) mode=permissive ;;
    esac
fi
printf 'SELinux|%s|%s||\n' "$mode" "$policy"

mode=disabled
if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
    mode=enabled
fi
profiles=/sys/kernel/security/apparmor/profiles
if [ -r "$profiles" ]; then
    enforced=$(grep -c '(enforce)$' "$profiles")
    complaining=$(grep -c '(complain)$' "$profiles")
else
    enforced= complaining=
fi
printf 'AppArmor|%s||%s|%s\n' "$mode" "$enforced" "$complaining"
