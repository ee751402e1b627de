"""`lacss doctor`."""

import dataclasses

import typer

from lacss_tools.errors import LacssError
from lacss_tools.screen.options import HERE, JsonOption, ProjectOption


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("doctor")(doctor)


def doctor(json: JsonOption = False, project: ProjectOption = HERE) -> None:
    """Say what this installation has, versions, device, cores, extras, and what is wrong with it.

    Add its output to a question or a report of an error. Ends with 1 if something should be done.
    """
    from lacss_tools.doctor.look import examine
    from lacss_tools.screen import console

    findings = examine(project)
    if json:
        console.emit_json({"findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            console.say(f"{finding.what:<{width}}  {finding.value}")
    wrong = [finding for finding in findings if finding.wrong]
    for finding in wrong:
        console.say(f"{finding.what}: {finding.remedy}")
    if wrong:
        raise LacssError(f"{len(wrong)} of {len(findings)} findings need something done (named above).")
    console.say("Nothing is wrong.")
