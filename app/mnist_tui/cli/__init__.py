"""The command line: parses arguments and runs one command. Each branch imports only what it needs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mnist_tui.cli import handing, past, tuning
from mnist_tui.cli.options import settings_of
from mnist_tui.cli.own import allow_model, option_grid, own_settings
from mnist_tui.cli.parser import build_parser
from mnist_tui.cli.where import jobs_of, place_of
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import BY_KEY, RunSpec
from mnist_tui.core.sweep import REPORT_PRESET, SweepSpec
from mnist_tui.environment import check_directory
from mnist_tui.errors import DataError, MnistTuiError, UsageError
from mnist_tui.signals import nothing_to_lose
from mnist_tui.streams import BROKEN_PIPE, give_up_what_cannot_be_written, prepare_streams, say

__all__ = ["build_parser", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    prepare_streams()
    code = 0
    try:
        code = _answer(argv)
        # Flushed here and not at exit, where an error would print a traceback.
        sys.stdout.flush()
    except KeyboardInterrupt:
        # Before training started, or after it ended: there is nothing left to save.
        code = 130
    except BrokenPipeError:
        # The reader of our output has closed it, as `| head` does.
        code = code or BROKEN_PIPE
    except OSError as error:
        _complain(MnistTuiError(f"{error.filename or 'the output'} cannot be used: {error.strerror or error}"))
        code = code or MnistTuiError.exit_code
    give_up_what_cannot_be_written()
    return code


def _answer(argv: Sequence[str] | None) -> int:
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    try:
        check_directory()
        return _COMMANDS[args.command](args)
    except MnistTuiError as error:
        _complain(error)
        return error.exit_code


def _complain(error: MnistTuiError) -> None:
    say(f"mnist-tui: {error}")


def _outlook() -> str:
    # Only asked in an empty home: it loads what downloads need.
    from mnist_tui.data.places import outlook

    return outlook()


def _app(args: argparse.Namespace, attach: str = "") -> int:
    with nothing_to_lose():
        from mnist_tui.engine import layers_of, load_classifier, run_sweep, warm_up
        from mnist_tui.launch import launch
        from mnist_tui.runtime.backends import Backends
        from mnist_tui.runtime.finder import Finding
        from mnist_tui.store.home import home
        from mnist_tui.workers.cluster import Cluster
        from mnist_tui.workers.detached import begin
        from mnist_tui.workers.pool import many

    from functools import partial

    def detach(queue: Sequence[QueuedRun], jobs: int) -> None:
        jobs = 0 if cluster is not None else min(jobs, len(queue))
        begin(place, queue, jobs, on).let_go()

    place, on = home(), place_of(args)
    cluster = Cluster(on, place) if on else None
    workers = partial(many, engine=run_sweep, cluster=cluster)
    # With a cluster, PyTorch is loaded there.
    warm = warm_up if cluster is None else cluster.start
    with nullcontext() if cluster is None else closing(cluster):
        backends = Backends(run_sweep, load_classifier, warm, workers, cluster, detach, layers_of, Finding, _outlook)
        return launch(backends, _app_spec(args, place), place, attach)


def _web(args: argparse.Namespace) -> int:
    from mnist_tui.store.home import home, make_home

    if args.host != "127.0.0.1" and not args.yes:
        raise UsageError(
            f"on {args.host}, the app can be reached from other machines, and what is typed can be read on the way",
            "Use the command that `mnist-tui web` prints for ssh, or add --yes",
        )
    make_home(home())
    try:
        from mnist_tui.serving import serve
    except ImportError:
        raise UsageError("this needs textual-serve", "Install it with `pip install 'mnist-tui[web]'`") from None
    return serve(args.port, args.host)


def _web_tab(_args: argparse.Namespace) -> int:
    from mnist_tui.engine import layers_of, load_classifier, run_sweep
    from mnist_tui.launch import launch
    from mnist_tui.runtime.backends import Backends
    from mnist_tui.runtime.finder import Finding
    from mnist_tui.runtime.preferences import load
    from mnist_tui.signals import end_with_parent
    from mnist_tui.store.home import home
    from mnist_tui.workers.detached import begin

    def detach(queue: Sequence[QueuedRun], jobs: int) -> None:
        begin(place, queue, min(jobs, len(queue))).let_go()

    end_with_parent()
    place = home()
    remembered, _ = load(place)
    backends = Backends(
        run_sweep,
        load_classifier,
        detach=detach,
        layers=layers_of,
        find_rate=Finding,
        data=_outlook,
        trains_elsewhere=True,
    )
    return launch(backends, remembered.spec, place)


def _attach(args: argparse.Namespace) -> int:
    from mnist_tui.remote import in_progress

    # Checked before the app opens: if nothing is in progress, an error message is enough.
    return _app(args, in_progress(args.run))


def _app_spec(args: argparse.Namespace, place: Path) -> RunSpec:
    """Return the app's initial settings: the saved ones, overridden by the command line."""
    from mnist_tui.runtime.preferences import load

    remembered, _ = load(place)
    # Settings that are not saved start with their defaults.
    given = settings_of(args)
    own: dict[str, Any] = own_settings(args, given.get("model"))
    return replace(remembered.spec, **given | own)


def _open(args: argparse.Namespace) -> int:
    from mnist_tui.opening import open_runs

    return open_runs(args.paths)


def _read_along(_args: argparse.Namespace) -> int:
    from mnist_tui.opening import read_along

    return read_along()


def _import(args: argparse.Namespace) -> int:
    from mnist_tui.opening import import_runs

    return import_runs(args.paths)


def _demo(args: argparse.Namespace) -> int:
    from functools import partial
    from tempfile import TemporaryDirectory

    from mnist_tui.demo import load_classifier, run_sweep
    from mnist_tui.launch import launch
    from mnist_tui.runtime.backends import Backends
    from mnist_tui.store.home import home
    from mnist_tui.workers.pool import many

    engine = partial(run_sweep, delay_s=args.delay, insights=True)
    backends = Backends(engine, load_classifier, workers=partial(many, engine=engine))
    if args.keep:
        return launch(backends, RunSpec(), home())
    with TemporaryDirectory(prefix="mnist-tui-demo-") as folder:
        return launch(backends, RunSpec(), Path(folder))


def _run(args: argparse.Namespace) -> int:
    with nothing_to_lose():
        from mnist_tui.headless import plan, train

    if args.preset and (args.epochs or args.features):
        raise UsageError("--preset fixes epochs and features", "Leave out --preset, or --epochs and --features")
    given: dict[str, tuple[Any, ...]] = {
        key: BY_KEY[key].parse_list(value) if isinstance(value, str) and BY_KEY[key].is_swept else (value,)
        for key, value in settings_of(args).items()
    }
    own = own_settings(args, args.model)
    values = {
        **(REPORT_PRESET.values if args.preset else {}),
        **given,
        **{key: (value,) for key, value in own.items()},
        **({"options": option_grid(args.set, args.sets)} if args.sets else {}),
    }
    datasets = values.get("dataset", ("auto",))
    strict = "auto" in datasets and not args.allow_fallback
    if strict:
        # Runs unattended: results on other data must not pass for results on MNIST.
        values["dataset"] = tuple(dict.fromkeys("mnist" if dataset == "auto" else dataset for dataset in datasets))
    first = {key: several[0] for key, several in values.items()}
    sweep = SweepSpec(RunSpec(**first), {key: several for key, several in values.items() if len(several) > 1})
    on = place_of(args)
    if args.dry_run:
        return plan(sweep, as_json=args.json, jobs=jobs_of(args.jobs, on))
    code = train(sweep, as_json=args.json, sure=args.yes, detach=args.detach, jobs=jobs_of(args.jobs, on), on=on)
    if strict and code == DataError.exit_code:
        say("--allow-fallback trains on scikit-learn's digits if MNIST is not available.")
    return code


def _work(_args: argparse.Namespace) -> int:
    with nothing_to_lose():
        from mnist_tui.headless import work

    return work()


def _resume(args: argparse.Namespace) -> int:
    with nothing_to_lose():
        from mnist_tui.headless import resume, resume_waiting

    allow_model(args.model)
    on = place_of(args)
    if args.waiting:
        if args.run or args.epochs:
            raise UsageError("--waiting resumes all queued runs unchanged", "Leave out RUN and --epochs")
        return resume_waiting(jobs_of(args.jobs, on), on, as_json=args.json)
    if args.epochs is not None:
        replace(RunSpec(), epochs=args.epochs)
    return resume(args.run, args.epochs, as_json=args.json, on=on)


def _events(args: argparse.Namespace) -> int:
    from mnist_tui.remote import follow

    return follow(args.run, as_json=args.json)


def _tell(args: argparse.Namespace) -> int:
    from mnist_tui.remote import tell

    return tell(args.run, args.what, args.value, after_epoch=args.after_epoch)


def _data(args: argparse.Namespace) -> int:
    from mnist_tui.datasets import fetch, status

    if args.what == "fetch":
        return fetch(args.dataset, as_json=args.json)
    return status(args.dataset, as_json=args.json, side=args.side, strict=args.what == "verify")


def _save(args: argparse.Namespace) -> int:
    from mnist_tui.using import save

    allow_model(args.model)
    return save(args.run, args.output, force=args.force)


def _predict(args: argparse.Namespace) -> int:
    from mnist_tui.using import predict

    allow_model(args.model)
    return predict(args.run, args.images, as_json=args.json)


def _layers(args: argparse.Namespace) -> int:
    from mnist_tui.using import layers

    allow_model(args.model)
    return layers(args.run, as_json=args.json)


def _bench(args: argparse.Namespace) -> int:
    from mnist_tui.bench import PARTS, Options, bench

    options = Options(
        parts=PARTS if args.only is None else tuple(args.only.replace(",", " ").split()),
        features=BY_KEY["features"].parse_list(args.features),
        repeats=args.repeats,
        spec=RunSpec(epochs=args.epochs, dataset=args.dataset, device=args.device, threads=args.threads),
    )
    return bench(options, as_json=args.json)


def _completion(args: argparse.Namespace) -> int:
    import shtab

    # A command without a help text, like `work`, is not for users, and shtab leaves it out too. So do we with
    # shtab's own comments, which name another place for the file than our help does.
    lines = shtab.complete(build_parser(), shell=args.shell).splitlines()
    sys.stdout.write("\n".join(line for line in lines if not line.startswith("# ")) + "\n")
    return 0


def _doctor(args: argparse.Namespace) -> int:
    from mnist_tui.doctor import examine

    return examine(as_json=args.json)


_COMMANDS: Final = {
    None: _app,
    "run": _run,
    "work": _work,
    "find-lr": tuning.find_command,
    "search": tuning.search_command,
    "resume": _resume,
    "open": _open,
    "read-along": _read_along,
    "import": _import,
    "demo": _demo,
    "attach": _attach,
    "web": _web,
    "web-tab": _web_tab,
    "events": _events,
    "tell": _tell,
    "runs": past.runs_command,
    "show": past.show_command,
    "rename": past.rename_command,
    "tag": past.tag_command,
    "note": past.note_command,
    "rm": past.rm_command,
    "restore": past.restore_command,
    "insight": past.insight_command,
    "report": handing.report_command,
    "export": handing.export_command,
    "plot": handing.plot_command,
    "pack": handing.pack_command,
    "save": _save,
    "predict": _predict,
    "layers": _layers,
    "data": _data,
    "bench": _bench,
    "completion": _completion,
    "doctor": _doctor,
}
