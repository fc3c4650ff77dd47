#!/usr/bin/env python3
"""In the demo's world the engine stops who harms, and nobody else."""
import unittest

from demo import DemoCase as _DemoCase


class Decides(_DemoCase):
    def test_the_engine_stops_who_harms_and_nobody_else(self):
        log, events, incidents, line = self.live()
        did = [(e["kind"], e["target"]) for e in log if e["actor"] == "engine"]
        for decision in [("suspend", "customer:acme-news"), ("suspend", "customer:shop-42"), ("pull", "ip:127.0.2.7")]:
            self.assertIn(decision, did)
        self.assertEqual({t for k, t in did if k in ("warn", "throttle", "suspend")},
                         {"customer:acme-news", "customer:shop-42"})
        self.assertEqual((line["customers_suspended"], line["ips_pulled"], line["lost"]),
                         (["acme-news", "shop-42"], ["127.0.2.7"], 0))
        self.assertGreaterEqual(line["actions_automatic"], 3)
        self.assertGreaterEqual(line["delivered"], 0.95 * line["existing"])
        # A grandchild's mail goes on as ever, also while all that happens.
        home = [e for e in events if e.get("customer") == "home-mail" and e["kind"] == "accepted"]
        arrived = {e["message"] for e in events if e.get("customer") == "home-mail" and e["kind"] in ("delivered", "bounced")}
        self.assertGreater(len(home), 10)
        self.assertGreater(len(arrived), 0.8 * len(home))
        # Some of the world's answers come later, by mail, and name who sent what to whom.
        late = [e for e in events if e["kind"] in ("bounced", "complained") and e.get("delivered_at")]
        self.assertGreater(len(late), 0)
        self.assertTrue(all(e["customer"] and e["recipient"] and e["t"] > e["delivered_at"] for e in late))
        whats = " ".join(i["what"] + " " + i["cause"] for i in incidents)
        self.assertIn("acme-news", whats)
        self.assertIn("old or bought list", whats)
        self.assertIn("looks like a stolen password: ", whats)


if __name__ == "__main__":
    unittest.main(verbosity=2)
