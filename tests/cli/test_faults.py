"""Faults on the command line: `list --sites`, the parameters of faults, and `check --slow`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.process import lockwright_in, make_project

FAULTS = '''
"""What can go wrong in a shop."""
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.reclaim import Reclaim
from lockwright.kernel.slab import Slab, kfree, kmalloc
from lockwright.kernel.work import Work, WorkQueue
from lockwright.scenario import scenario


class Cart(Slab):
    cache = "cart"


async def cart_alloc(world, lock):
    if await lock.lock_interruptible():
        return None
    cart = await kmalloc(world, lambda: Cart(world, "c"), "cart")
    if cart is None:
        return None  # with the lock held
    await lock.unlock()
    return cart


@scenario("shop/cart:buy")
def buy(world):
    """A cart is fetched, and brought back."""
    lock = Mutex(world, "shop_lock")

    async def shopper():
        cart = await cart_alloc(world, lock)
        if cart is not None:
            await kfree(cart)

    world.spawn(shopper(), "shopper")
    world.spawn(shopper(), "other")


def is_paid(world):
    """What is promised too early."""
    return [] if world.state.result else ["the bill is not paid"]


@scenario("shop/work:bill", at_end=(is_paid,))
def bill(world):
    """A bill is paid by a worker, and looked at a little later."""
    queue, paid = WorkQueue(world, "events"), Variable(world, 0, "paid")

    async def pay():
        await WRITE_ONCE(paid, 1)

    async def shopper():
        await queue.queue_work(Work(world, "&bill", pay))
        for _ in range(30):
            seen = await READ_ONCE(paid)
        return seen

    world.state = world.spawn(shopper(), "shopper")
'''


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that forgets an unlock where an allocation fails, and trusts its workers."""
    return make_project(tmp_path_factory.mktemp("shop") / "project", faults=FAULTS)


def test_list_shows_where_faults_can_strike(shop: Path) -> None:
    done = lockwright_in(shop, "list", "--sites", "shop/cart")
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        "shop/cart\n"
        "  shop/cart:buy  A cart is fetched, and brought back.\n"
        "      --param fails=cart_alloc:cart\n"
        "      --param signals=other\n"
        "      --param signals=shopper\n"
        "\n"
    )
    done = lockwright_in(shop, "list", "--sites", "shop/cart:buy", "--format", "json")
    (told,) = json.loads(done.out)["scenarios"]
    assert told["allocation_sites"] == ["cart_alloc:cart"]
    assert told["signal_targets"] == ["other", "shopper"]
    assert told["all_sites"] is True


def test_list_runs_nothing_that_nobody_named(shop: Path) -> None:
    done = lockwright_in(shop, "list", "--sites")
    assert (done.status, done.out) == (2, "")
    assert "--sites runs what it lists: name a TARGET" in done.err


def test_a_failure_finds_what_the_error_path_forgets_and_its_token_replays(shop: Path) -> None:
    assert lockwright_in(shop, "check", "shop/cart:buy", "--quiet").status == 0
    given = ("--param", "fails=cart_alloc:cart", "--format", "json")
    done = lockwright_in(shop, "check", "shop/cart:buy", *given)
    assert done.status == 1
    (result,) = json.loads(done.out)["results"]
    found = {finding["kind"]: finding["token"] for finding in result["findings"]}
    assert {"deadlock", "lock held at task exit"} <= set(found)
    again = lockwright_in(shop, "replay", found["lock held at task exit"])
    assert again.status == 1
    assert "shop_lock" in again.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("shop/cart:buy", "--param", "fails=cart_alloc:card"),
            "no allocation site 'cart_alloc:card'; did you mean cart_alloc:cart? there is: cart_",
        ),
        (("shop/cart:buy", "--param", "failures=many"), "failures is how many allocations may"),
        (("shop/work:bill", "--slow", "work"), "slow work is for random strategies: dpor tries"),
        (("shop/work:bill", "--slow", "wrok"), "Invalid value for '--slow': 'wrok' is not one of"),
    ],
)
def test_what_is_no_fault_is_one_message(shop: Path, arguments: tuple[str, ...], said: str) -> None:
    done = lockwright_in(shop, "check", *arguments)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_slow_work_shows_who_trusts_it_to_be_done(shop: Path, tmp_path: Path) -> None:
    """Fair coins let the worker be late by 30 steps once in 30 million executions."""
    drawn = ("--strategy", "random", "--executions", "40", "--rules", "promises")
    random = ("check", "shop/work:bill", "--quiet", *drawn)
    assert lockwright_in(shop, *random).status == 3
    kept = str(tmp_path / "kept")
    done = lockwright_in(shop, *random, "--slow", "work", "--checkpoint", kept)
    assert done.status == 1
    more = ("--resume", kept, "--executions", "60", "--format", "json")
    result = json.loads(lockwright_in(shop, "check", "--rules", "promises", *more).out)["results"][
        0
    ]
    assert result["executions"] == 60
    assert result["findings"][0]["executions"] > 20


def test_a_model_that_raises_has_no_sites_and_says_why(bad: Path) -> None:
    done = lockwright_in(bad, "list", "--sites", "bad/raises:two")
    assert (done.status, done.out) == (4, "")
    assert "Traceback" not in done.err
    assert "lockwright: bad/raises:two raises IndexError: " in done.err
    assert "--param failures=1` shows how it comes to that" in done.err
