"""Blender: operators, panels and properties are what they were when their classes were registered."""

from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from .observed import Observed


def observe(patch: "Observed") -> None:
    for cls, outcomes in patch.classes_below(bpy.types.bpy_struct):
        for outcome in outcomes:
            if outcome.edit["what"] != "function" or outcome.edit["change"] == "added":
                outcome.caveat(
                    "HS0403",
                    f"Blender knows {cls.__name__} as it was registered: unregister and register it, or press "
                    "F3 and choose Reload Scripts",
                )
