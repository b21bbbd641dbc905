#!/usr/bin/env bash
# Checks in at most ten minutes what only a GPU can show: bash results/tool/gpu_check.sh [FOLDER]
#
# It installs nothing: PYTHON (default: python3) must find torch and the other libraries. Every step has a limit in seconds, and
# the others still run after one that fails. FOLDER (default: a temporary one) gets what each step printed, the results, and
# summary.txt, with a line for each step. Exit code 1 if one failed or did not run. LIMIT is the time for all steps, in seconds.
# STEPS names those to run (default: all). DEVICE=cpu tries the script without a GPU, on small shapes; DRY_RUN=1 prints the
# commands.
set -uo pipefail

tool=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$tool/../.." && pwd)
device=${DEVICE:-cuda}
python=$(command -v "${PYTHON:-python3}") || { echo "there is no ${PYTHON:-python3}" >&2; exit 2; }
folder=${1:-$(mktemp -d "${TMPDIR:-/tmp}/gpu_check.XXXXXX")}
mkdir -p "$folder" && folder=$(cd "$folder" && pwd) || exit 2
summary=$folder/summary.txt
: > "$summary"
# the package is found by PYTHONPATH, from another folder than its own
export PYTHONPATH=$repository${PYTHONPATH:+:$PYTHONPATH} MIXBENCH_CACHE=$folder/cache COLUMNS=160
cd "$folder" || exit 2
end=$((SECONDS + ${LIMIT:-590}))

last_line() { grep '[[:alnum:]]' "$1" | tail -n 1 | cut -c 1-200; }

# step NAME LIMIT FIGURES COMMAND…: run a command. FIGURES judges its results in a line of the summary; "-" quotes its last line
step() {
    local name=$1 limit=$2 figures=$3 verdict=pass told="" code=0 start=$SECONDS left=$((end - SECONDS))
    shift 3
    [[ -z ${STEPS:-} || " $STEPS " == *" $name "* ]] || return
    if [[ -n ${DRY_RUN:-} ]]; then
        echo "$*"
        return
    fi
    if ((left < 10)); then
        verdict="not run" told="no time was left"
    else
        timeout --signal=INT --kill-after=20 "$((limit < left ? limit : left))" "$@" > "$name.txt" 2>&1
        code=$?
        if ((code == 124 || code == 137)); then
            verdict=fail told="it took more than $((limit < left ? limit : left)) s"
        elif ((code)); then
            verdict=fail told="exit code $code: $(last_line "$name.txt")"
        elif [[ $figures == - ]]; then
            told=$(last_line "$name.txt")
        fi
        if [[ $figures != - ]]; then
            # figures of what there is, also where the command failed
            line=$("$python" "$tool/gpu_figures.py" $figures "$((SECONDS - start))" 2>> "$name.txt") || verdict=fail
            told="${told:+$told; }$line"
        fi
    fi
    printf '%-8s%-12s%4d s  %s\n' "$verdict" "$name" "$((SECONDS - start))" "$told" | tee -a "$summary"
}

mixbench() { echo "$python" -P -m mixbench "$@"; }

if [[ $device == cpu ]]; then
    shapes="--width 32 --batch 2" sweep=16..32 long=16,32 dtype=float32 executions=eager
    contexts=16,32 many=16
    grouping="--width 32 --heads 1 --tied false --batch 1 --mode inference" training="--sizes 50 --seeds 2 --steps 30"
else
    shapes="--width 256 --batch 8" sweep=64..16384 long=1024,4096 dtype=bfloat16 executions=eager,graph,compiled
    contexts=64,1024,16384 many=1024
    grouping="--width 64,256 --heads 1 --tied false --dtype bfloat16" training="--sizes 200,800 --seeds 3"
fi
two="--mixer attention --mixer hypermixer"
speed="$(mixbench speed --device "$device" --dtype "$dtype" $shapes)"

step doctor 60 "doctor doctor.txt" $(mixbench doctor --device "$device")
step sweep 240 "sweep sweep" $speed --tokens "$sweep" --results sweep
step executions 90 "executions executions" $speed $two --tokens "$long" --execution "$executions" --launches 2 --results executions
step decode 90 "sweep decode" $speed --mode decode --mixer attention:causal=true --mixer sliding-window --mixer mamba2 \
    --mixer gated-delta-net --mixer rwkv7 --tokens "$contexts" --launches 2 --results decode
step catalogue 120 "sweep catalogue" $speed --mixer all --mode inference,training --tokens "$many" --launches 1 --results catalogue
step training 60 "training training" $(mixbench data-efficiency --device "$device" $two $training --results training)
step eager 90 "training eager" "$python" -P "$tool/gpu_figures.py" train-eagerly --device "$device" $two $training --results eager
step duel 100 - $(mixbench duel attention attention --device "$device" --dtype "$dtype" $shapes --tokens "${long##*,}")
step caches 50 "caches sweep caches" $speed $two --tokens "$long" --caches cold --launches 2 --results caches
# the CPU has no such kernels
[[ $device == cpu ]] || step fused 60 "fused fused" $speed --mixer hypermixer --mixer hypermixer:grouping=fused \
    --tokens 256,1024,4096,16384 --execution graph --launches 2 --results fused
step fnet 40 "fnet fnet" $(mixbench speed --device "$device" --dtype bfloat16,float16 $shapes --mixer fnet \
    --tokens "${long%%,*},100" --launches 1 --results fnet)
step energy 40 "energy energy" $speed $two --tokens "${long##*,}" --launches 1 --energy --results energy
step verify 100 - $(mixbench verify attention fnet hypermixer --device "$device")
step contract 150 - $(mixbench verify --no-speed --device "$device")
step grouping 60 "grouping grouping.txt" "$python" -P "$tool/measure_grouping.py" "$device" $grouping --slower 1.05
step tests 120 "tests tests.txt $device" "$python" -m pytest -q -m needs_gpu -p no:cacheprovider --rootdir "$repository" \
    -c "$repository/pyproject.toml" "$repository/tests"

[[ -n ${DRY_RUN:-} ]] && exit
failed=$(grep -cv '^pass' "$summary")
echo "$(grep -c '^pass' "$summary") passed, $failed did not: $summary"
((failed == 0))
