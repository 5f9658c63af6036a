"""A selector beside a static figure, for notebooks that run live."""

from collections.abc import Callable
from typing import Any

from vmmodel.analysis.tables import Case, Study


def explore(study: Study, figure: Callable[..., Any], **fixed: Any) -> Any:
    """A drop-down of machines that redraws *figure*; use it beside the figure, not instead.

    ``ipywidgets`` is imported here only: an exported page has no kernel to answer a widget.
    """
    import ipywidgets as widgets
    from IPython.display import display

    output = widgets.Output()
    choice = widgets.Dropdown(
        options=[(case.label, case) for case in study.cases], description="Machine"
    )

    def redraw(where: Case) -> None:
        output.clear_output(wait=True)
        with output:
            display(figure(study, where, **fixed))  # type: ignore[no-untyped-call]

    choice.observe(lambda change: redraw(change["new"]), names="value")
    redraw(choice.value)
    return widgets.VBox([choice, output])
