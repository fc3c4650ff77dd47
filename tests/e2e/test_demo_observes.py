#!/usr/bin/env python3
"""In the demo's world an engine that only observes decides the same and does nothing. A file of its own, so that it
runs beside the world that decides."""
import unittest

from demo import DemoCase as _DemoCase


class Observes(_DemoCase):
    def test_observing_it_decides_the_same_and_does_nothing(self):
        log, _, _, line = self.live("--observe")
        would = {(e["fields"]["would"], e["target"]) for e in log if e["kind"] == "observed"}
        for decision in [("suspend", "customer:acme-news"), ("suspend", "customer:shop-42"), ("pull", "ip:127.0.2.7")]:
            self.assertIn(decision, would)
        self.assertEqual({e["kind"] for e in log if e["actor"] == "engine"} & {"warn", "throttle", "suspend", "pull", "pause"}, set())
        self.assertEqual((line["customers_suspended"], line["ips_pulled"], line["lost"]), ([], [], 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
