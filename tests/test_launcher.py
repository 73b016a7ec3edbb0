"""Sweeps through the launchers of others: the same files, and nothing that takes the rest down."""

import importlib.util
import json
import os
import re
import signal
import tempfile

import pytest
import torch
from helpers.sweeps import NAME, SMALL, assert_none_left, folders, record, results, start, user_starts, wait_for

HAS_SUBMITIT = importlib.util.find_spec("submitit") is not None
submitit = pytest.mark.skipif(not HAS_SUBMITIT, reason="needs pip install 'kanexp[slurm]'")


def same(root, first: str, second: str) -> None:
    """Two versions of a sweep hold the same files, but for where and by which command they were made."""

    def plain(version: str) -> dict[str, bytes]:
        found = results(root / f"outputs/x/{version}")
        for name in [name for name in found if name.endswith("model.pt")]:  # which has the configuration in it
            state = torch.load(root / f"outputs/x/{version}/{name}", weights_only=True)["state"]
            found[name] = repr({key: weights.tolist() for key, weights in state.items()}).encode()
        found = {name: re.sub(rb'"model\.pt": \{[^}]*\}', b"", data) for name, data in found.items()}  # its digest, too
        own = rb'launcher|plugin: |workers|cpus_per_task|timeout_min|"command"|address: |gpus: |rerun|config_sha256'
        own = re.compile(own)
        return {
            name: b"\n".join(line for line in data.splitlines() if not own.search(line)) for name, data in found.items()
        }

    assert plain(first).keys() == plain(second).keys()
    assert [name for name, data in plain(first).items() if data != plain(second)[name]] == []


@submitit
@pytest.mark.slow
def test_through_submitit_the_same_files_are_left(kanexp, tmp_path):
    words = ["-m", *SMALL, "init=default,glorot,lecun", NAME]
    here = kanexp(*words, "launcher.workers=2")  # on two processes, with a thread each on two cores
    assert here.returncode == 0, here.stderr
    plan = json.loads((tmp_path / "outputs/x/v001/sweep.json").read_text())
    there = kanexp(*words, "launcher=submitit_local", f"launcher.cpus_per_task={plan['threads']}", "rerun=true")
    assert there.returncode == 0, there.stderr
    assert "3 of 3 jobs done, outputs/x/v002" in there.stdout
    assert list((tmp_path / "outputs/x/v002/.packs/.submitit").glob("*/*_result.pkl"))
    same(tmp_path, "v001", "v002")
    again = kanexp(*words, "launcher=submitit_local")
    assert "3 jobs: 3 done, 0 to run" in again.stdout


# Slurm's commands as far as submitit uses them: jobs of an array are run at once, on this machine.
SLURM = {
    "sbatch": """\
cp "$1" submitted.sh
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$1")
for i in $(seq 0 "$last"); do
    export SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$i SLURM_JOB_ID=$((7 + i)) SLURM_JOB_NODELIST=here
    export SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0
    bash "$1" > /dev/null 2>&1 < /dev/null &
done
echo "Submitted batch job 7"
""",
    "srun": """\
while [[ $1 == --* ]]; do
    case $1 in --output | --error) shift 2 ;; *) shift ;; esac
done
exec "$@"
""",
    "sacct": "echo 'JobID|State|NodeList'; for i in 0 1 2; do echo \"7_$i|RUNNING|here\"; done\n",
    "scancel": "",
}


@submitit
def test_slurm_is_asked_for_what_was_said_and_for_nothing_else(kanexp, tmp_path):
    """No cluster: stand-ins for Slurm's commands, which show what it is given and that the way there and back works."""
    (tmp_path / "bin").mkdir()
    for name, script in SLURM.items():
        (tmp_path / "bin" / name).write_text(f"#!/usr/bin/env bash\n{script}")
        (tmp_path / "bin" / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    words = ["-m", *SMALL, "init=default,glorot", NAME, "launcher=slurm"]
    options = ["launcher.partition=long", "launcher.timeout_min=30", "launcher.array_parallelism=1"]
    done = kanexp(*words, *options, env=environment)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 jobs done" in done.stdout
    asked = dict(re.findall(r"#SBATCH --([\w-]+)=(.*)", (tmp_path / "submitted.sh").read_text()))
    assert asked["partition"] == "long"
    assert asked["time"] == "30"
    assert asked["array"] == "0-1%1"
    assert asked["mem"] == "4GB"
    assert asked["cpus-per-task"] == "1"
    assert not {"account", "gpus-per-node", "qos", "gres"} & set(asked)


@submitit
def test_a_job_that_dies_there_is_recorded_and_the_others_finish(kanexp, tmp_path):
    user_starts(tmp_path, dying="os.kill(os.getpid(), signal.SIGKILL)", raising="raise RuntimeError('no more')")
    words = ["-m", "--config-dir", "conf", *SMALL, "init=dying,raising,glorot", "pack=false", "launcher=submitit_local"]
    done = kanexp(*words, NAME)
    assert done.returncode == 1
    assert record(tmp_path, "dying")["cause"] == "killed by SIGKILL, as the system does when memory runs out"
    assert record(tmp_path, "raising")["cause"] == "RuntimeError: no more"
    assert record(tmp_path, "glorot")["status"] == "done"
    assert "1 of 3 jobs done" in done.stdout


@submitit
@pytest.mark.skipif(not os.path.exists("/proc/self/cwd"), reason="looks for processes in /proc")
def test_ctrl_c_reaches_jobs_that_run_elsewhere(tmp_path):
    words = ["-m", *SMALL[:3], "widths=[in,6,6,out]", "init=default,glorot", "checkpoint=0.05", NAME, "steps=1000000"]
    process = start(tmp_path, *words, "launcher=submitit_local")
    wait_for(tmp_path, "outputs/x/v001/.packs/*.pt", process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert_none_left(tmp_path)
    assert {record(tmp_path, job)["status"] for job in folders(tmp_path)} == {"interrupted"}


def test_what_is_missing_is_said_before_anything_is_written(kanexp, tmp_path):
    """Python is told not to find the extras, whether or not they are here."""
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide/sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "hidden = ('submitit', 'hydra_ray', 'optuna', 'tensorboard', 'mlflow')\n"
        "u.find_spec = lambda name, *more: None if any(h in name for h in hidden) else find(name, *more)\n"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "hide"), os.environ.get("PYTHONPATH", "")])
    }
    for word, extra in {"launcher=slurm": "slurm", "launcher=submitit_local": "slurm", "launcher=ray": "ray"}.items():
        done = kanexp("-m", *SMALL, word, env=environment)
        assert done.returncode == 2
        assert f"install it with: pip install 'kanexp[{extra}]'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["hide"]


@pytest.fixture
def ray_nodes(monkeypatch):
    """A head and a second node on loopback, a core each; all of it gone afterwards. Returns the head's address."""
    from ray.cluster_utils import Cluster

    # Its sockets' paths may be 107 characters long, which pytest's folders use up.
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        node = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 100 * 2**20, "node_ip_address": "127.0.0.2"}
        cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
        try:
            cluster.add_node(**node)
            yield cluster.address
        finally:
            cluster.shutdown()


@pytest.mark.filterwarnings("default")  # Ray's own
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs pip install 'kanexp[ray]'")
@pytest.mark.slow
def test_through_ray_on_two_nodes_the_same_files_are_left(kanexp, tmp_path, ray_nodes):
    # Two starts that wait for each other: on nodes of one core each, they go on if they are on two nodes.
    def meeting(own: str, other: str) -> str:
        there = f"os.path.exists({str(tmp_path / other)!r})"
        return f"open({str(tmp_path / own)!r}, 'w').close(); [time.sleep(0.1) for _ in iter(lambda: {there}, True)]"

    waits = {"first": meeting("first.here", "second.here"), "second": meeting("second.here", "first.here")}
    user_starts(tmp_path, dying="os.kill(os.getpid(), signal.SIGKILL)", **waits)
    words = ["-m", "--config-dir", "conf", *SMALL, "init=first,second,dying", "pack=false", NAME]
    environment = os.environ | {"COLUMNS": "120", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    here = kanexp(*words, "launcher.workers=2", env=environment)
    threads = json.loads((tmp_path / "outputs/x/v001/sweep.json").read_text())["threads"]
    for name in ("first", "second"):
        (tmp_path / f"{name}.here").unlink()
    ray = ["launcher=ray", f"launcher.address={ray_nodes}", f"launcher.cpus_per_task={threads}", "rerun=true"]
    there = kanexp(*words, *ray, env=environment)
    assert here.returncode == there.returncode == 1
    assert "2 of 3 jobs done, outputs/x/v002" in there.stdout, there.stderr
    assert record(tmp_path, "dying", "v002")["cause"] == "killed by SIGKILL, as the system does when memory runs out"
    same(tmp_path, "v001", "v002")
