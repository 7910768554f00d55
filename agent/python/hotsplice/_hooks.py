"""Callbacks that a program wants run when code of it was patched."""

clearing = []
updating = []


def on_patch(callback=None, *, clear=False):
    """Has ``callback(patch)`` called after each patch, on the agent's thread.

    ``patch.label`` is what the user asked for, ``patch.files`` maps each path to the qualified names that changed. With
    ``clear=True`` it runs before all others: for what drops caches of old code, as .NET's ``ClearCache`` does before
    ``UpdateApplication``. A callback that raises is reported to the user and harms nothing. Also usable as a decorator.

    A module or a class may define ``__hotsplice_patched__(patch)`` instead (a class as a static method): it is called
    when something in that module or class was patched.
    """
    if callback is None:
        return lambda function: on_patch(function, clear=clear)
    (clearing if clear else updating).append(callback)
    return callback
