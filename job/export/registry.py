"""Which forms there are, and which of them an output can have."""

from __future__ import annotations

from job.errors import UsageError, nearest, printable, quoted
from job.export import courses, openai, plain
from job.export.form import Form
from job.export.items import JSONL
from job.output.folder import OutputFolder
from job.output.records import Plan
from job.output.training_set.plan import SetPlan
from job.recipe.registry import current_name

FORMS = {form.name: form for form in (*plain.FORMS, *openai.FORMS, *courses.FORMS)}
"""Forms of training sets by name."""


def form_for(name: str, output: OutputFolder, plan: Plan | SetPlan) -> Form:
    """Returns a form that an output can have.

    Args:
        name: name of the form.
        output: the folder of items or of a training set.
        plan: its plan.

    Raises:
        UsageError: when there is no such form, or it is for another kind of output or for sets of another recipe.
    """
    names = (*FORMS, JSONL.name)
    if name not in names:
        raise UsageError(f"no form is called {name!r}{nearest(name, names)}; they are: {', '.join(names)}")
    root = printable(quoted(output.root))
    if isinstance(plan, Plan):
        if name == JSONL.name:
            return JSONL
        raise UsageError(
            f"{output.root} holds items, which have only the form {JSONL.name}; {name} is for training sets\n"
            f"to make one of them: curate craft --items {root} --output DIR"
        )
    fitting = forms_of(plan)
    if name in fitting:
        return fitting[name]
    what = f"{output.root} is a training set of items of the recipe {plan.recipe.name}"
    if name == JSONL.name:
        why = f"the form {name} is for items; {what}, made of the items in {plan.items}"
    else:
        why = f"the form {name} is for sets of the recipe {FORMS[name].recipe}; {what}"
    raise UsageError(f"{why}\nit can have one of these: --to {', --to '.join(fitting)}")


def forms_of(plan: SetPlan) -> dict[str, Form]:
    """Returns the forms that a training set can have, by name."""
    recipe = current_name(plan.recipe.name)
    return {name: form for name, form in FORMS.items() if form.recipe in (None, recipe)}
