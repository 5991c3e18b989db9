"""What users of such a controller rely on, by the ids of the acceptance list.

Tests name the entries that they prove: `@pytest.mark.acceptance("A05")`, to be run with
`pytest -m acceptance`.
"""

from collections.abc import Mapping

ACCEPTANCE: Mapping[str, str] = {
    "A01": "an app is initialised without downtime",
    "A02": "weights go by a step, by a list, and no further than the last one asks",
    "A03": "a metric that fails rolls back, with an alert, an event and a count",
    "A04": "no data and a store that is down have a policy of their own",
    "A05": "a newer revision restarts the run, and nothing unanalysed is promoted",
    "A06": "a return to the promoted revision cancels the run",
    "A07": "a failed revision is retried by command",
    "A08": "a fix is released while the primary is broken",
    "A09": "a promotion that fails leaves traffic on pods that serve",
    "A10": "a suspended run keeps its weight, tells so once, and goes on",
    "A11": "a controller that is killed in any phase goes on at the same weight",
    "A12": "skipAnalysis promotes what is ready",
    "A13": "a deadline ends what never becomes ready, and is told",
    "A14": "a deleted Canary gives back what it took, or leaves behind what serves",
    "A15": "a changed config is a release, and the primary keeps the old one",
    "B01": "A/B testing by header, cookie and query, several conditions at once",
    "B02": "blue/green with a switch",
    "B03": "mirroring, in blue/green and with weights",
    "B04": "session affinity, which ends with the run",
    "B05": "a promotion in steps, and a rollback in steps",
    "C01": "hooks of every type, in their order",
    "C02": "an approval and a rejection outlast a restart",
    "C03": "a gate ends at its deadline",
    "C04": "a rollback hook works in every phase that waits",
    "C05": "no alert comes twice",
    "G01": "an autoscaler is copied, kept in step and left alone",
    "G02": "no promotion makes the primary small",
    "H04": "an upgrade of the controller starts no run",
    "H05": "Argo CD and kstatus see how it is",
}
