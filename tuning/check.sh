#!/usr/bin/env bash
# Prints the state of every knob in README.md. Reads only; needs no privilege.
# Usage: tuning/check.sh [HOT_CORES]   e.g. tuning/check.sh 2-4
set -uo pipefail

cpu=/sys/devices/system/cpu
first() { # the first line of a file, or nothing
    local line=
    [[ -r $1 ]] || return 0
    read -r line < "$1" || :
    printf '%s' "${line:-none}"
}
show() { # knob, state, what it should be
    printf '%-22s %-34s %s\n' "$1" "${2:-not available here}" "${3:+want: $3}"
}
expand() { # 0-2,5 -> 0 1 2 5
    local part
    for part in ${1//,/ }; do
        if [[ $part == *-* ]]; then seq "${part%-*}" "${part#*-}"; else echo "$part"; fi
    done
}
# Words of a file, each once, with a count: "performance x8".
tally() { cat "$@" 2>/dev/null | sort | uniq -c | awk '{printf "%s x%s ", $2, $1}'; }

hot=${1:-$(first $cpu/isolated)}
[[ $hot == none ]] && hot=
show 'kernel' "$(uname -r)"
show 'online cores' "$(first $cpu/online)"
show 'hot cores' "${hot:-none}" 'the cores named in the configuration'
show 'isolated' "$(first $cpu/isolated)" 'the hot cores'
show 'nohz_full' "$(first $cpu/nohz_full)" 'the hot cores'
show 'rcu_nocbs' "$(grep -o 'rcu_nocbs=[^ ]*' /proc/cmdline)" 'the hot cores'
show 'governor' "$(tally $cpu/cpu[0-9]*/cpufreq/scaling_governor)" 'performance'
show 'smt' "$(first $cpu/smt/control)" 'off, or siblings of hot cores idle'

slow=
for state in $cpu/cpu0/cpuidle/state*; do
    [[ -r $state/latency ]] || continue
    if (($(first "$state/latency") > 2)) && [[ $(first "$state/disable") == 0 ]]; then
        slow+="$(first "$state/name")($(first "$state/latency")us) "
    fi
done
if [[ -d $cpu/cpu0/cpuidle ]]; then
    show 'slow sleep states' "${slow:-none enabled}" 'none enabled'
else
    show 'slow sleep states' ''
fi

if [[ -n $hot ]]; then
    strays=0
    hot_list=" $(expand "$hot" | tr '\n' ' ')"
    for irq in /proc/irq/[0-9]*; do
        for core in $(expand "$(first "$irq/effective_affinity_list")"); do
            [[ $hot_list == *" $core "* ]] && { strays=$((strays + 1)); break; }
        done
    done
    show 'IRQs on hot cores' "$strays" '0, but for those bound to one core'
fi
balance=not\ running
grep -qsx irqbalance /proc/[0-9]*/comm && balance=running
show 'irqbalance' "$balance" 'not running'
show 'memlock limit' "$(ulimit -l) (KiB)" 'unlimited'
show 'swap in use' "$(awk 'NR > 1 {used += $4} END {print used + 0}' /proc/swaps) KiB" '0'
show 'THP' "$(grep -o '\[.*\]' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null)" \
    '[madvise] or [never]'
show 'numa_balancing' "$(first /proc/sys/kernel/numa_balancing)" '0'
show 'busy_read' "$(first /proc/sys/net/core/busy_read)" '50 where the card supports it'
show 'clocksource' "$(first /sys/devices/system/clocksource/clocksource0/current_clocksource)" 'tsc'
show 'clocks available' \
    "$(first /sys/devices/system/clocksource/clocksource0/available_clocksource)" 'tsc among them'
if command -v chronyc > /dev/null; then
    show 'chrony' "$(chronyc tracking 2>&1 | sed -n 's/^System time *: //p')" 'within 0.001 seconds'
else
    show 'chrony' 'not installed' 'installed and synchronised'
fi
