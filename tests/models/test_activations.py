from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit
from scipy.special import softmax as scipys

from pulmoscan.models.activations import sigmoid, softmax

LOGITS = np.array([-1e4, -100.0, -20.0, -1.5, 0.0, 0.3, 17.0, 100.0, 1e4], dtype=np.float32)


def test_sigmoid_at_any_logit() -> None:
    with np.errstate(all="raise", under="ignore"):
        found = sigmoid(LOGITS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expit(LOGITS.astype(float)), rtol=1e-6, atol=1e-37)
    np.testing.assert_allclose(found, torch.sigmoid(torch.from_numpy(LOGITS)), atol=1e-7)
    assert sigmoid(0.0).shape == ()


def test_softmax_at_any_logit() -> None:
    for logits in (LOGITS, LOGITS[2:7], LOGITS[:1]):
        with np.errstate(all="raise", under="ignore"):
            found = softmax(logits)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, scipys(logits.astype(float)), rtol=1e-6, atol=1e-37)
