"""The Python original, measured: `python -c "import original; original.main()" WORKLOAD [--quick]`.

One system with the multiprocTCPBase on loopback, one workload, and the lines that every measured program prints:
workload, nanoseconds an operation, operations. Its log is kept quiet, since it would be measured too.
"""

import os
import socket
import sys
import time
from datetime import timedelta

os.environ["THESPIAN_BASE_IPADDR"] = "127.0.0.1"

from thespian.actors import Actor, ActorExitRequest, ActorSystem, ActorSystemMessage  # noqa: E402

LIMIT = timedelta(seconds=60)
PAYLOAD = "x" * 64

# The operations, unless it is to be quick: then a hundredth of them.
OPS = {"ask": 1000, "rtt": 2000, "one_way": 5000, "create": 30}


def go(side):
    """Puts this process on the processor of the near side (0) or the far side (1), if there are sides."""
    sides = os.environ.get("BENCH_SIDES")
    if sides:
        os.sched_setaffinity(0, {int(sides.split(",")[side])})


class Echo(Actor):
    """Sends back what it gets. Told "far", it goes to the far side first."""

    def receiveMessage(self, message, sender):
        if isinstance(message, ActorSystemMessage):
            return
        if message == "far":
            go(1)
        self.send(sender, message)


class Pinger(Actor):
    """Plays a number of rounds with another actor, and says how long each took."""

    def receiveMessage(self, message, sender):
        if isinstance(message, ActorSystemMessage):
            return
        if isinstance(message, tuple):
            self.rounds, self.other = message
            self.referee, self.took = sender, []
        else:
            self.took.append(time.perf_counter_ns() - self.begun)
        if len(self.took) < self.rounds:
            self.begun = time.perf_counter_ns()
            self.send(self.other, PAYLOAD)
        else:
            self.send(self.referee, self.took)


class Sink(Actor):
    """Counts, and says how many there were."""

    count = 0

    def receiveMessage(self, message, sender):
        if isinstance(message, ActorSystemMessage):
            return
        if message == "report":
            self.send(sender, self.count)
        else:
            self.count += 1


class Source(Actor):
    """Sends a number of messages to another actor."""

    def receiveMessage(self, message, sender):
        if isinstance(message, ActorSystemMessage):
            return
        count, target = message
        for _ in range(count):
            self.send(target, PAYLOAD)
        self.send(sender, "sent")


def answer(system, actor, message):
    """Asks, and fails where there is no answer."""
    got = system.ask(actor, message, LIMIT)
    if got is None:
        raise RuntimeError("no answer within %s" % LIMIT)
    return got


def latencies(workload, took):
    took = sorted(took)
    for name, percent in (("p50", 50), ("p99", 99)):
        rank = max(1, -(-len(took) * percent // 100))
        print("%s_%s %.3f %d" % (workload, name, took[rank - 1], len(took)))


def each(workload, begun, ops):
    print("%s %.3f %d" % (workload, (time.perf_counter_ns() - begun) / ops, ops))


def ask(system, ops):
    echo = system.createActor(Echo)
    answer(system, echo, "far")
    took = []
    for number in range(ops + ops // 10):
        begun = time.perf_counter_ns()
        answer(system, echo, PAYLOAD)
        if number >= ops // 10:
            took.append(time.perf_counter_ns() - begun)
    latencies("ask", took)


def rtt(system, ops):
    echo, pinger = system.createActor(Echo), system.createActor(Pinger)
    answer(system, echo, "far")
    took = answer(system, pinger, (ops + ops // 10, echo))
    latencies("rtt", took[ops // 10:])


def one_way(system, ops):
    sink, source = system.createActor(Sink), system.createActor(Source)
    begun = time.perf_counter_ns()
    answer(system, source, (ops, sink))
    while answer(system, sink, "report") != ops:
        time.sleep(0.01)
    each("one_way", begun, ops)


def create(system, ops):
    answer(system, system.createActor(Echo), PAYLOAD)
    begun = time.perf_counter_ns()
    actors = [system.createActor(Echo) for _ in range(ops)]
    each("create", begun, ops)
    for actor in actors:
        answer(system, actor, PAYLOAD)
    each("create_outside", begun, ops)
    for actor in actors:
        system.tell(actor, ActorExitRequest())


WORKLOADS = {"ask": ask, "rtt": rtt, "one_way": one_way, "create": create}


def main():
    words = sys.argv[1:]
    if words == ["--list"]:
        print("\n".join(WORKLOADS))
        return
    if not words or words[0] not in WORKLOADS or words[1:] not in ([], ["--quick"]):
        sys.exit("wanted: WORKLOAD [--quick], or --list to see the workloads")
    ops = max(1, OPS[words[0]] // 100) if words[1:] else OPS[words[0]]
    go(0)
    # It knows no port 0, so this takes one that is free now.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"version": 1, "root": {"level": 50, "handlers": []}, "handlers": {}, "loggers": {}}
    system = ActorSystem("multiprocTCPBase", {"Admin Port": port}, logDefs=quiet)
    try:
        WORKLOADS[words[0]](system, ops)
    finally:
        system.shutdown()
