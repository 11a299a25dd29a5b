"""DeLong's test on the data of his own paper, McNemar's on a textbook's, kappa against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.inter_rater import cohens_kappa as reference_kappa

from pulmoscan.statistics.agreement import cohens_kappa
from pulmoscan.statistics.comparison import compare_auc, mcnemar
from pulmoscan.statistics.metrics import Scores

# 43 patients with ovarian cancer: albumin, total protein, Krebs-Goplerud score, 0 for those who need surgery. DeLong et
# al. 1988 as the SAS/STAT manual prints them, example "Comparing Receiver Operating Characteristic Curves".
OVARIAN = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1
3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0
2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1
3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0
3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1
3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1
"""


@pytest.fixture
def ovarian() -> dict[str, np.ndarray]:
    albumin, protein, score, need = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4).T
    return {"ill": need == 0, "albumin": -albumin, "protein": -protein, "score": score}


@pytest.mark.parametrize(
    ("measure", "difference", "error", "chi_square", "p"),
    [("albumin", 0.0108, 0.0953, 0.0127, 0.9102), ("protein", -0.0780, 0.1046, 0.5554, 0.4561)],
)
def test_delong_on_his_own_patients(
    ovarian: dict[str, np.ndarray], measure: str, difference: float, error: float, chi_square: float, p: float
) -> None:
    found = compare_auc(ovarian["ill"], ovarian["score"], ovarian[measure])
    assert found.difference.estimate == pytest.approx(difference, abs=5e-5)
    assert (found.difference.high - found.difference.low) / 2 / 1.959964 == pytest.approx(error, abs=5e-5)
    assert found.z**2 == pytest.approx(chi_square, abs=5e-5)
    assert found.p == pytest.approx(p, abs=5e-5)
    auc = [Scores.of(ovarian["ill"], ovarian[name]).auc.estimate for name in ("score", measure)]
    assert found.difference.estimate == pytest.approx(auc[1] - auc[0])


def test_delong_where_two_rank_alike(ovarian: dict[str, np.ndarray]) -> None:
    found = compare_auc(ovarian["ill"], ovarian["albumin"], 2 * ovarian["albumin"] + 1)
    assert (found.difference.estimate, found.z, found.p) == (0, 0, 1)


@pytest.mark.parametrize(("only_first", "only_second"), [(59, 121), (3, 0), (0, 0), (7, 7)])
def test_mcnemar(only_first: int, only_second: int) -> None:
    first = np.repeat([True, False, True], [only_first, only_second, 30])
    second = np.repeat([False, True, True], [only_first, only_second, 30])
    found = mcnemar(first, second)
    expected = reference_mcnemar([[30, only_first], [only_second, 0]], exact=True).pvalue
    assert (found.first, found.second) == (only_first, only_second)
    assert found.p == pytest.approx(expected)


def test_kappa_of_a_textbook() -> None:
    # Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd ed., table 18.1: kappa 0.68.
    table = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    first, second = (np.repeat(side.ravel(), table.ravel()) for side in np.indices(table.shape))
    found = cohens_kappa(first, second)
    reference = reference_kappa(table)
    assert found.estimate == pytest.approx(0.6765, abs=5e-5)
    assert (found.low, found.high) == pytest.approx((reference.kappa_low, reference.kappa_upp))


def test_kappa_says_nothing_where_all_answer_alike() -> None:
    assert cohens_kappa([1, 1, 1], [1, 1, 1]).n == 0
    assert cohens_kappa([], []).n == 0
    assert cohens_kappa([1, 0], [1, 0]).estimate == 1
