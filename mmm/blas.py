"""BLAS on one thread: sums come out in one order, so that results do not depend on how many cores a machine has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within the block, or the function it decorates, BLAS and LAPACK use one thread.

    Last digits depend on the number of threads, and a sampler turns last digits into other draws. Speed does not
    suffer: chains are the parallelism, and BLAS threads would fight them; hundreds of small matrices only wait.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

    with threadpool_limits(limits=1, user_api="blas"):
        yield
