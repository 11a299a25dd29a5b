"""A site's acceptance test and what follows from it."""

from __future__ import annotations

from pulmoscan.errors.base import PulmoScanError
from pulmoscan.errors.calls import ScoreTableError


class LabelTableError(ScoreTableError):
    """A table that gives no labels."""

    mend = (
        "Give a CSV in UTF-8 with the columns file and label (1 pneumonia, 0 none); patient, age, sex, view, "
        "manufacturer and boxes may follow."
    )


class FaultyLabels(PulmoScanError):
    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} rows of the table have faults, named above; nothing was screened. Mend them, or go on without "
            "those rows with --skip-faulty: the report then counts them."
        )


class InvalidLimit(PulmoScanError):
    def __init__(self, text: str, known: str) -> None:
        super().__init__(f"“{text}” is no limit. Write one such as “sensitivity>=95%”: {known}.")


class LimitsStated(PulmoScanError):
    def __init__(self, path: object) -> None:
        super().__init__(
            f"{path} states other limits than these, from before anything was screened. Limits that are moved once the "
            "figures are known prove nothing: give those again, or choose another folder with --out."
        )


class AnotherRun(PulmoScanError):
    def __init__(self, path: object, why: str) -> None:
        super().__init__(
            f"{path} belongs to another run (different: {why}). Choose another folder with --out, or remove that file."
        )


class NoJournal(PulmoScanError):
    def __init__(self, path: object) -> None:
        super().__init__(
            f"{path} is no journal of cases. Give the cases.jsonl of an earlier run, or what the page Acceptance "
            "saves as cases; for a new run choose another folder with --out."
        )


class NothingInCommon(PulmoScanError):
    def __init__(self) -> None:
        super().__init__("The two runs share no screened file with the same label. Compare runs over the same folder.")


class NoStudy(PulmoScanError):
    def __init__(self) -> None:
        super().__init__("That file holds no calls. Give what the page Blind reading saved as “Calls so far”.")


class FilesMissing(PulmoScanError):
    """Of a sample that is to be gone on with."""

    def __init__(self, count: int, of: int, example: str) -> None:
        super().__init__(
            f"{count} of the {of} radiographs of that sample are not among the files, “{example}” for one. Give all "
            "that the sample was drawn from, under the same names."
        )


class NothingToMeasure(PulmoScanError):
    def __init__(self, ill: int, well: int) -> None:
        super().__init__(
            f"{ill} radiographs with pneumonia and {well} without could be screened; at least one of each is needed. "
            "Label more of them; 59, 149 or 299 pneumonias without a miss show a sensitivity of 95, 98 or 99 %."
        )


class SiteProfileDamaged(PulmoScanError):
    def __init__(self, path: object, why: str) -> None:
        super().__init__(
            f"The site profile {path} cannot be used: {why}. Write it anew with `python -m pulmoscan accept "
            "--profile`, or leave out --site and PULMOSCAN_SITE."
        )


class SiteProfilesClash(PulmoScanError):
    def __init__(self, model: str, first: object, second: object) -> None:
        super().__init__(
            f"Two site profiles are for {model}: {first} and {second}. Take one of them out of what --site or "
            "PULMOSCAN_SITE names."
        )


class SiteProfileMismatch(PulmoScanError):
    """Figures and bounds hold for what they were measured with, and for nothing else."""

    def __init__(self, name: str, what: str, measured: str, here: str) -> None:
        mend = {
            "model": f"Choose it with --model {measured}",
            "precision": f"Set PULMOSCAN_PRECISION={measured}",
            "weights": "Put those weights back",
            "preprocessing": "Go back to the version of PulmoScan that wrote it",
        }.get(what, "Go back to that")
        super().__init__(
            f"The site profile “{name}” was measured with another {what}: {measured}, not {here}. {mend}, or run "
            "`python -m pulmoscan accept --profile` again and accept the new figures."
        )


class NoProfile(PulmoScanError):
    def __init__(self, fewest: int) -> None:
        super().__init__(
            f"No profile was written: of neither children nor adults {fewest} radiographs with pneumonia and as many "
            "without were screened. Label more; where neither table nor header tells the age, give --population."
        )
