# pyright: strict
"""A program that uses all that is public; `cargo xtask check` has mypy and pyright check it. It is never run."""

from collections.abc import Iterator
from typing import Any, assert_type

import hotsplice


def price(amount: int) -> int:
    return amount


report = assert_type(hotsplice.patch("shop.py"), hotsplice.Report)
assert_type(
    hotsplice.patch(hotsplice, "", function="price", dry_run=True, run_statements=True),
    hotsplice.Report,
)
assert_type(hotsplice.patch_saved(), hotsplice.Report)
assert_type(hotsplice.undo("shop.py", function="price"), hotsplice.Report)
assert_type(report.check().edits[0], hotsplice.Edit)
assert_type(report.refused[0].code, str | None)
assert_type(report.committed, bool)
assert_type(hotsplice.status().patched, tuple[dict[str, Any], ...])

try:
    report.check()
except hotsplice.PatchError as error:
    assert_type(error.code, str)
    assert_type(error.report, hotsplice.Report | None)

with hotsplice.patching("shop.py", "") as patched:
    assert_type(patched, hotsplice.Report)
with hotsplice.watch("shop.py", verbose=True) as watching:
    assert_type(watching, hotsplice.Watching)
    assert_type(watching.is_active, bool)
with hotsplice.recoder(price) as recoder:
    assert_type(recoder, hotsplice.Recoder)
    assert_type(recoder.patch("def price(amount): return 0"), hotsplice.Report)
    assert_type(recoder.patch_module(""), hotsplice.Report)
    assert_type(recoder.status, str)
    recoder.revert()
    recoder.commit()
with hotsplice.overlay("shop", "trial.py", names={"price": "price"}, wait=True) as overlay:
    assert_type(overlay, hotsplice.Overlay)
    assert_type(overlay.names, tuple[str, ...])
    assert_type(overlay.error, hotsplice.PatchError | None)
    overlay.stop()


def seen(error: Exception) -> None: ...


def again(attempt: hotsplice.Attempt) -> bool:
    return attempt.error is not None


attempts = assert_type(hotsplice.repeat(on_exception=seen, ask=again), Iterator[hotsplice.Attempt])
for attempt in attempts:
    with attempt:
        assert_type(attempt.number, int)
        attempt.end()


@hotsplice.on_patch
def live(patch: Any) -> None:
    patch.label.strip()


@hotsplice.on_patch(clear=True)
def clear(patch: Any) -> None: ...


live(None)
hotsplice.on_patch(
    before=lambda patch: patch.label.strip(),
    after=lambda patch: patch.files["shop.py"][0].strip(),
)


@hotsplice.wrap
def wrapped(amount: int) -> str:
    return str(amount)


assert_type(wrapped(1), str)


@hotsplice.wrap_class
class Order:
    @hotsplice.no_wrap
    def total(self) -> int:
        return 1


assert_type(Order().total(), int)
hotsplice.wrap_module()
hotsplice.wrap_modules("shop.*")
assert_type(hotsplice.is_restarting(), bool)
hotsplice.reload_module()
assert_type(hotsplice.listen(tcp="127.0.0.1:0", token="an example"), str | None)
hotsplice.stop()
hotsplice.RELOAD_ON_CONTINUE = False
