#!/usr/bin/env bash
# A study as a job array on a real Slurm, on one machine: bash results/tool/slurm.sh [FOLDER]
#
# It needs root, the packages slurmctld, slurmd, slurm-client and munge (apt-get install), and `mixbench` on the path. munged,
# slurmctld and slurmd run with a configuration, ports and a key of their own in FOLDER (default: a temporary one) and are stopped
# at the end, whatever happens. Six tasks share out a small study, one is killed, `mixbench merge` prints what is missing, the
# printed command runs, and the folders are merged again. Exit code 0 if nothing is missing then.
#
# Without cgroups, as in a container: processes are found by /proc (proctrack/linuxproc), and bound to no core (task/none).
set -euo pipefail

folder=${1:-$(mktemp -d "${TMPDIR:-/tmp}/mixbench-slurm.XXXXXX")}
mkdir -p "$folder" && chmod go+rx "$folder" && folder=$(cd "$folder" && pwd) && cd "$folder"  # munge wants its socket to be open to all
for tool in munged slurmctld slurmd sbatch mixbench; do
    command -v "$tool" > /dev/null || { echo "there is no $tool" >&2; exit 2; }
done
mkdir -p state spool jobs && install -d -m 700 secret
study="mixbench data-efficiency --task shapes --mixer attention --mixer hypermixer --sizes 100,200 --seeds 3 --steps ${STEPS:-300}
    --layers 1 --width 32 --jobs 1 --results results"
study=$(echo $study)

stop() {
    code=$?
    for daemon in slurmd slurmctld munged; do
        [[ ! -s $daemon.pid ]] || kill "$(cat $daemon.pid)" 2> /dev/null || true
    done
    for _ in $(seq 50); do
        compgen -G '*.pid' > /dev/null || break
        sleep 0.1
    done
    ((code == 0)) || tail -n 5 ./*.log >&2
    exit "$code"
}
trap stop EXIT
trap 'exit 130' INT TERM

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'; }

# until SECONDS COMMAND…: wait for a command to succeed
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        ((SECONDS < end)) || { echo "waited in vain for: $*" >&2; exit 1; }
        sleep 0.2
    done
}

show() { printf '\n$ %s\n' "$*"; }

head -c 1024 /dev/urandom > secret/key && chmod 400 secret/key
host=$(hostname -s)
cat > slurm.conf <<END
ClusterName=mixbench
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc)
PartitionName=all Nodes=$host Default=YES
END
export SLURM_CONF=$folder/slurm.conf
munged --key-file="$folder/secret/key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/secret/log" --seed-file="$folder/secret/seed"
slurmctld -c
slurmd
until_true 30 bash -c 'sinfo --noheader --states=idle | grep -q .'

cat > array.sh <<END
#!/bin/bash
#SBATCH --array=1-6 --cpus-per-task=1 --output=jobs/%a.txt
$study --shard auto
END
show cat array.sh && cat array.sh
show sbatch array.sh
job=$(sbatch --parsable array.sh) && echo "Submitted batch job $job"

show "scancel ${job}_2  # while it trains"
until_true 300 test -s results/shard-2-of-6/data_efficiency.csv
scancel "${job}_2" && echo "$(($(wc -l < results/shard-2-of-6/data_efficiency.csv) - 1)) of its runs were written"
until_true 600 bash -c "! squeue --noheader --job $job 2> /dev/null | grep -q ."
show scontrol show job "$job" "| states"
scontrol --oneliner show job "$job" | sed -E 's/.*ArrayTaskId=([^ ]+).*JobState=([^ ]+).*/\1 \2/' | sort -n

merge() {
    show "mixbench merge results/shard-*-of-6 --into results"
    code=0
    mixbench merge results/shard-*-of-6 --into results 2>&1 || code=$?
    echo "exit code $code"
}

merge
mapfile -t commands < <(mixbench merge results/shard-*-of-6 --into results --json 2> /dev/null |
    python3 -c 'import json, sys; print(*(c for gap in json.load(sys.stdin)["shards"] for c in gap["commands"]), sep="\n")')
for command in "${commands[@]}"; do
    show "sbatch --wait --wrap '$command'"
    sbatch --wait --output=jobs/again.txt --wrap "$command"
    tail -n 3 jobs/again.txt
done
merge
rows=$(($(wc -l < results/data_efficiency.csv) - 1))
echo && echo "$rows rows of 12 runs"
((code == 0 && rows == 12))
