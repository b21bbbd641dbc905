"""What is found once per cell, in passes that are never timed: memory, FLOPs, operators, and remarks on them.

Two processes share the work. One foresees what it can without values; the other runs the cell, and nothing there has met a
tensor without values. Values are named as their columns in `SpeedRow`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor, nn

from mixbench.errors import MixbenchError, one_line
from mixbench.tables.remarks import BACKWARD, CHANGES_INPUT, HOLDS_MORE, REMEMBERS, SEPARATOR, lower_bound, remark, unknown
from mixbench.tables.speed_rows import DECODE
from mixbench.worker.calls import Call, ContractError, TrainingCall, count_parameters, named_parameters
from mixbench.worker.measure import memory
from mixbench.worker.measure.declared import declared_flops, mixers_of
from mixbench.worker.measure.decoding import Decoding, check_steps, state_mib
from mixbench.worker.measure.fake import Prediction, operators_of, predict
from mixbench.worker.measure.flops import FlopCount, count_flops
from mixbench.worker.measure.outside import share_outside
from mixbench.worker.measure.subject import Cell, Subject, build_subject, built, make_context, make_input
from mixbench.worker.measure.trace import Trace, trace

Values = dict[str, Any]


def foresee(cell: Cell) -> Values:
    """What a call would take, for `find`: `prediction` (None if the code looks at values) and `count`, both as plain values.

    Or status oom with the reason, if there is less memory. Nothing can be measured in this process afterwards. Raises
    ContractError for a cell that cannot be built.
    """
    if cell.mode == DECODE:
        # the context would be run for nothing: a step is counted as it is, but not where it has been compiled
        return {"status": "ok"} | ({"count": _count_step(cell)} if cell.execution == "compiled" else {})
    available = memory.available_bytes(torch.device(cell.device))  # code of a mixer may forbid to open files
    counted = _count(cell, values=False)  # first, as only a count follows code into threads that it keeps for later calls
    prediction = _predict(cell)
    if prediction and prediction.peak > available:
        needed, free = (f"{size / memory.MIB:,.0f} MiB" for size in (prediction.peak, available))
        return {"status": "oom", "detail": f"not run: it needs {needed}, but only {free} are available"}
    return {"status": "ok", "prediction": prediction and asdict(prediction), "count": asdict(counted)}


def _count_step(cell: Cell) -> Values:
    module = build_subject(replace(cell, execution="eager")).module
    assert isinstance(module, Decoding)
    return asdict(_count(cell, values=True, decoding=module))


def find(cell: Cell, foreseen: Mapping[str, Any]) -> Values:
    """Run a cell: its values, and as `detail` the remarks on them. `foreseen` is empty where nothing is known.

    Raises what the mixer raises.
    """
    remarks: list[str] = []
    device = torch.device(cell.device)
    reserved = memory.reserved_bytes(device)
    resident, subject = _resident_growth(cell, remarks)
    held = subject.held_bytes
    traced = trace(subject.call) if device.type == "cpu" else None
    values: Values = {"status": "ok", "params": count_parameters(subject.module), **resident, **_compile_time(subject, remarks)}
    values |= _live_memory(subject, held, reserved, device, traced, remarks)
    if isinstance(subject.module, Decoding):
        values |= {"state_mib": state_mib(subject.module.state)}
        check_steps(subject.module.layer, make_context(cell), cell.tokens)
    if isinstance(subject.call, TrainingCall) and not subject.call.grad:
        remarks.append(BACKWARD)
    if subject.changes_input:
        remarks.append(CHANGES_INPUT)
    outside = list(_outside(cell, subject, traced)) if traced else []
    # the rest watches every operator: torch may not be able to compile code any more that it could not compile meanwhile
    prediction = Prediction(**foreseen["prediction"]) if foreseen.get("prediction") else None
    operators = None if cell.execution == "compiled" else operators_of(subject.call)
    if operators and _remembers(subject):
        remarks.append(REMEMBERS)
    heavy = operators.heavy if operators else prediction.heavy if prediction else {}
    values |= {"operators": len(operators.names), "moved_mib": operators.moved / memory.MIB} if operators else {}
    values |= {"variant": _variant(subject, cell, heavy)}
    differs = prediction is not None and heavy != prediction.heavy
    values |= _flops(cell, subject, foreseen.get("count"), differs, outside, remarks)
    return values | {"detail": SEPARATOR.join(remarks)}


def _remembers(subject: Subject) -> bool:
    """Whether each of three new inputs takes more operators at first than at once again."""

    def takes_more(number: int) -> bool:
        call = subject.call_with(subject.make_input(number))
        return len(operators_of(call).names) > len(operators_of(call).names)

    return all(takes_more(number) for number in (1, 2, 3))


def _predict(cell: Cell) -> Prediction | None:
    def make_call() -> tuple[Call, object]:
        subject = build_subject(replace(cell, execution="eager"), fake=True)
        return subject.call, subject

    try:
        return predict(make_call)
    except (ContractError, MixbenchError):
        raise
    except Exception:  # the code looks at values
        return None


def _resident_growth(cell: Cell, remarks: list[str]) -> tuple[Values, Subject]:
    """The growth while a cell is built, which includes a call, and the cell.

    Not on a GPU, where it is mostly what the driver loads, nor in decode, where it is mostly what the context takes.
    """
    if cell.device != "cpu" or cell.mode == DECODE:
        return {}, build_subject(cell)
    before = memory.reset_resident_peak()
    subject = build_subject(cell)
    after = memory.resident_bytes("VmHWM")
    if before is None or after is None:
        remarks.append(remark("peak_rss_mib", "this system does not report a process's resident peak"))
        return {}, subject
    return {"peak_rss_mib": (after - before) / memory.MIB}, subject


def _compile_time(subject: Subject, remarks: list[str]) -> Values:
    if subject.compile_s is None:
        return {}
    if subject.compiled_before:
        remarks.append(remark("compile_s", "it had been compiled before, --fresh compiles again"))
        return {}
    return {"compile_s": subject.compile_s}


def _variant(subject: Subject, cell: Cell, operators: Iterable[str]) -> str:
    parts = [] if cell.mode == DECODE else [_own_variant(mixers_of(subject.module)[0], cell)]
    kernels = [name for name in operators if "_scaled_dot_product_" in name]
    parts += [f"sdpa={kernels[0].split('_scaled_dot_product_')[1].split('.')[0]}"] if kernels else []
    return one_line(", ".join(filter(None, parts)))


def _own_variant(mixer: nn.Module, cell: Cell) -> str:
    """What a mixer's method `variant` says; empty without one, or if what has this name is something else.

    It gets those of tokens, batch, dtype and device that it has as parameters; a first one with another name gets tokens.
    """
    asked = {
        "tokens": cell.tokens,
        "batch": cell.batch,
        "dtype": getattr(torch, cell.dtype),
        "device": torch.device(cell.device),
    }
    try:
        method = getattr(mixer, "variant", None)
        if not callable(method) or isinstance(method, nn.Module):
            return ""
        names = [*named_parameters(method)]
        given = {name: asked[name] for name in names if name in asked}
        said = method(**given) if given and names[0] in given else method(cell.tokens, **given)
    except Exception:
        return ""
    return said if isinstance(said, str) else ""


def _live_memory(
    subject: Subject, held: int, reserved: int, device: torch.device, traced: Trace | None, remarks: list[str]
) -> Values:
    """`held` are the bytes that existed before the call that was traced, `reserved` those that earlier cells have left."""

    def live(call: Call) -> memory.LiveMemory:
        return memory.live_on_cpu(trace(call)) if traced else memory.live_on_cuda(call, device)

    used = memory.live_on_cpu(traced) if traced else live(subject.call)
    if used.left > 0 and memory.grows(live, subject.call):
        remarks.append(HOLDS_MORE)
    own = None if used.reserved is None else used.reserved - reserved
    found = {"peak_memory_mib": used.peak + held, "allocated_mib": used.allocated, "peak_reserved_mib": own}
    return {name: size / memory.MIB for name, size in found.items() if size is not None}


def _count(cell: Cell, *, values: bool, decoding: Decoding | None = None) -> FlopCount:
    """What a mixer declares are the FLOPs of its forward, not of a step."""
    device, dtype = torch.device(cell.device), getattr(torch, cell.dtype)

    def make() -> Tensor:
        x = make_input(cell)
        return x.to(dtype) if x.is_floating_point() else x

    return count_flops(
        lambda: decoding or built(cell, device, dtype, fake=not values),  # a mixer may choose its form by the dtype
        make,
        mode=cell.mode,
        tokens=cell.tokens,
        batch=cell.batch,
        device=cell.device,
        values=[values],
        trust_declared=decoding is None,
    )


def _flops(
    cell: Cell, subject: Subject, foreseen: Values | None, differs: bool, outside: list[str], remarks: list[str]
) -> Values:
    """FLOPs as foreseen, or counted here if they are not known or if other operators than those ran."""
    counted = FlopCount(**foreseen) if foreseen else FlopCount(None)
    if counted.flops is None or differs:
        module = subject.module
        here = _count(cell, values=True, decoding=module if isinstance(module, Decoding) else None)
        if here.flops != counted.flops is not None:
            remarks.append(remark("flops", f"counted with real data on {cell.device}, since other operators run without data"))
        counted = replace(here, reason=" and ".join(filter(None, (counted.reason, here.reason))))
    remarks += [remark("flops", one_line(text)) for text in counted.remarks]
    result: Values = {"uncounted_operators": " ".join(counted.uncounted)}
    if counted.flops is None:
        remarks.append(unknown("flops", one_line(counted.reason)))
        return result
    if hiding := [*counted.hiding, *outside]:
        remarks.append(lower_bound("flops", hiding))
    return result | {"flops": counted.flops}


def _outside(cell: Cell, subject: Subject, traced: Trace) -> Iterator[str]:
    """Work outside torch's operators, unless the count comes from the mixer, which knows of it."""
    if cell.execution != "compiled" and not _declares(cell, subject) and (share := share_outside(traced, subject.call)):
        yield f"work outside torch's operators, {100 * share:.0f} % of the CPU time"


def _declares(cell: Cell, subject: Subject) -> bool:
    if cell.mode == DECODE:
        return False
    shape = {"batch": cell.batch, "tokens": cell.tokens, "training": cell.mode == "training"}
    try:
        return all(declared_flops(mixer, **shape) is not None for mixer in mixers_of(subject.module))  # type: ignore[arg-type]
    except ContractError:
        return False
