#!/bin/bash
# Curates a catalogue on all nodes of a Slurm allocation. The arguments are those of `curate run`:
#
#     . .venv/bin/activate
#     sbatch --nodes=8 configs/cluster/slurm.sh configs/home-store.yaml --output /shared/home-store
#
# The environment, the source and the output have to be on a disk that every node mounts at the same path; source and
# output may also be in a bucket. The variables that the shell exports are passed on: HF_TOKEN, AWS_ACCESS_KEY_ID,
# HF_HOME. If the nodes cannot reach the Hub, download the files first, and name their folder with --source.
#
# Two minutes before the time limit, the run ends in good order, and the job is queued again and resumes. The same
# happens if a node fails or the job is preempted. `scancel` ends it for good; submit the same again to resume.
#SBATCH --job-name=curate
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem-per-cpu=2G
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --no-kill
#SBATCH --open-mode=append
#SBATCH --output=curate-%j.log
set -euo pipefail

fail() {
    echo "error: $*" >&2
    exit 1
}

for command in curate python ray scontrol srun; do
    command -v "$command" >/dev/null || fail "$command is not on the path: activate the environment, then submit"
done
[ "$#" -gt 0 ] || fail "nothing to curate: sbatch slurm.sh CONFIG --output FOLDER"
[ -n "${SLURM_JOB_ID:-}" ] || fail "this is not a Slurm job: sbatch slurm.sh $*"

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]} # the node that this script runs on
port=$((20000 + SLURM_JOB_ID % 5000 * 2)) # other jobs on these nodes have other ports
folder=/tmp/slurm-$SLURM_JOB_ID
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token # without it, anyone who reaches a node could run code there
export RAY_USAGE_STATS_ENABLED=0 RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # since Slurm 22.05, srun does not inherit it
unset RAY_ADDRESS

steps=()
run=
requeue=no

start_ray() { # NODE OPTIONS
    srun --overlap --nodes=1 --ntasks=1 --nodelist="$1" ray start --block --log-color=false "${@:2}" \
        --num-cpus="$SLURM_CPUS_PER_TASK" --object-store-memory=536870912 --temp-dir="$folder" \
        --min-worker-port=0 --max-worker-port=0 --dashboard-agent-listen-port=0 &
    steps+=("$!")
}

attend() { # COMMAND, which runs while traps stay active
    "$@" &
    run=$!
    wait "$run"
    run=
}

interrupted() { # yes or no: whether to resume later
    trap '' USR1 TERM INT
    requeue=$1
    local code=130
    if [ -n "$run" ]; then
        kill -TERM "$run" 2>/dev/null || true
        code=0
        wait "$run" || code=$?
    fi
    exit "$code"
}

finish() {
    local code=$?
    trap '' USR1 TERM INT
    kill "${steps[@]}" 2>/dev/null || true
    wait
    timeout -k 5 30 srun --overlap --nodes="${#nodes[@]}" --ntasks="${#nodes[@]}" rm -rf "$folder" || true
    if [ "$requeue" = yes ] && [ "$code" -gt 128 ]; then
        echo "the time limit is near: queued again, to go on where it stopped"
        scontrol requeue "$SLURM_JOB_ID"
    fi
    exit "$code"
}

trap finish EXIT
trap 'interrupted yes' USR1
trap 'interrupted no' TERM INT

ip=$(python -c 'from ray.util import get_node_ip_address; print(get_node_ip_address())')
ports=(--port="$port")
if python -c 'import grpc' 2>/dev/null; then # only with ray[default], whose head also serves remote clients
    ports+=(--ray-client-server-port="$((port + 1))")
fi
start_ray "$head" --head --node-ip-address="$ip" --include-dashboard=false "${ports[@]}"
until (exec 3<>"/dev/tcp/$ip/$port") 2>/dev/null; do
    kill -0 "${steps[0]}" 2>/dev/null || fail "Ray did not start on $head; see above"
    sleep 0.5
done
export RAY_ADDRESS=$ip:$port
for node in "${nodes[@]:1}"; do
    start_ray "$node" --address="$RAY_ADDRESS"
done

attend python -c '
import sys, time, ray

ray.init(logging_level="error", log_to_driver=False)
wanted, until = int(sys.argv[1]), time.monotonic() + 300
while (found := sum(node["Alive"] for node in ray.nodes())) < wanted:
    if time.monotonic() > until:
        sys.exit(f"error: after 5 minutes {found} of {wanted} nodes have joined; see above")
    time.sleep(0.5)
' "${#nodes[@]}"
attend curate run "$@"
