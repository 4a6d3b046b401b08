"""daemon: caromd answers, and has nothing to complain of."""

from __future__ import annotations

from carom.doctor.case import Case, well
from carom.finding import Finding, Verdict

NAME, SUBJECT = "daemon", "caromd"


async def findings(case: Case) -> list[Finding]:
    if case.told.status is None:
        evidence = f"{case.told.silence}; packets go on by the last plan, and nobody follows what changes"
        return [Finding(NAME, SUBJECT, Verdict.WARNING, evidence, "start caromd, and see its log")]
    complaints = [fault for fault in case.told.status["faults"] if not _is_looked_at(fault, case)]
    if complaints:
        return [Finding(NAME, SUBJECT, Verdict.WARNING, "; ".join(complaints), "carom status, and the daemon's log")]
    return [well(NAME, SUBJECT, f"it runs, with {case.told.status['director']['config_file']}")]


def _is_looked_at(fault: str, case: Case) -> bool:
    """What the daemon says of a real server or a VIP, the doctor looks at for itself."""
    return any(str(address) in fault for address in (*case.reals, *case.vips))
