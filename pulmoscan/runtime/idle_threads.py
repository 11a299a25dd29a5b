"""Threads that have nothing to do must not keep the cores from the forward pass."""

from __future__ import annotations

from pulmoscan.settings import starts_no_blas_threads


def keep_blas_off_the_cores() -> None:
    """Give NumPy's OpenBLAS one thread from now on.

    Its threads go on spinning for a twentieth of a second after they are started and after each product, however small,
    such as a heatmap's: on two cores the forward pass that came next took twice as long.
    """
    if not starts_no_blas_threads():
        from threadpoolctl import ThreadpoolController

        ThreadpoolController().select(internal_api="openblas").limit(limits=1)
