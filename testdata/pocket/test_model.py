"""Tests of the model, its numbers and its training.

Those that need torch or the built project are skipped without, or fail where the environment variable TABSEEK_NEED lists
`torch` or `page`.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from array import array
from pathlib import Path

import export_fp8

HERE = Path(__file__).parent
try:
    import machine  # noqa: F401
    import torch
except ImportError:
    torch = None


def need(thing: str, there: bool) -> None:
    """Skips the test, or the class of tests, that needs what is not there."""
    if there:
        return
    if thing in os.environ.get("TABSEEK_NEED", "").split():
        raise AssertionError(f"needs {thing}, which TABSEEK_NEED promises")
    raise unittest.SkipTest(f"needs {thing}")


class FP8(unittest.TestCase):
    def test_every_finite_code_comes_back(self) -> None:
        for code in [*range(127), *range(128, 255)]:
            self.assertEqual(export_fp8.encode(export_fp8.decode(code)), code)

    def test_rounds_to_the_even_neighbour(self) -> None:
        self.assertEqual((export_fp8.VALUES[1], export_fp8.VALUES[-1]), (2**-9, 448))
        for code, middle in enumerate(export_fp8.MIDDLES):
            self.assertEqual(export_fp8.encode(middle) % 2, 0, code)
        self.assertEqual(export_fp8.encode(1e9), 126)

    def test_blocks_have_scales_of_their_own(self) -> None:
        rng = random.Random(3)
        values = array("f", [rng.gauss(0, 1) * (100 if i % 200 >= 128 else 1) for i in range(130 * 200)])
        codes, shape, scales = export_fp8.quantised([130, 200], values)
        self.assertEqual(shape, [2, 2])
        for i in range(0, len(values), 97):
            row, column = divmod(i, 200)
            got = export_fp8.decode(codes[i]) * scales[row // 128 * 2 + column // 128]
            self.assertLessEqual(abs(got - values[i]), abs(values[i]) / 16 + scales[row // 128 * 2 + column // 128] * 2**-9)

    def test_the_shipped_model_converts(self) -> None:
        source = export_fp8.read_safetensors(HERE / "hf" / "model.safetensors")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, HERE / "export_fp8.py", "--out", folder], check=True, capture_output=True)
            written = export_fp8.read_safetensors(Path(folder) / "model.safetensors")
        self.assertEqual({name for name in written if not name.endswith("_scale_inv")}, set(source))
        name = "model.layers.1.mlp.experts.3.down_proj.weight"
        dtype, shape, codes = written[name]
        scales = array("f", written[name + "_scale_inv"][2])
        self.assertEqual((dtype, shape), ("F8_E4M3", source[name][1]))
        want = export_fp8.bf16_values(source[name][2])
        error = sum((export_fp8.decode(c) * scales[0] - w) ** 2 for c, w in zip(codes, want))
        self.assertLess(math.sqrt(error / sum(w * w for w in want)), 0.04)

    def test_the_engine_computes_with_it(self) -> None:
        root = HERE.parent.parent
        headless = root / "bin" / "tabseek-headless"
        need("page", headless.exists() and bool(shutil.which("go")))
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, HERE / "export_fp8.py", "--out", f"{folder}/hf"], check=True, capture_output=True)
            subprocess.run(["go", "run", "./server", "pack", f"{folder}/hf", f"{folder}/packed"], check=True, capture_output=True, cwd=root)
            self.assertIn("fp8_e4m3", Path(f"{folder}/packed/model.json").read_text())
            asked = [headless, "run", f"{folder}/packed", "What is 47 + 85?", "--temperature", "0", "--json"]
            got = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        self.assertIn("7+5=12", got["reasoning"])
        self.assertIn(r"\boxed{132}", got["text"])


class Model(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        need("torch", torch is not None)

    def setUp(self) -> None:
        from model import Config, Pocket

        torch.manual_seed(4)
        self.model = Pocket(Config(hidden_size=64, num_hidden_layers=3, moe_intermediate_size=32, intermediate_size=96)).eval()

    def test_every_expert_gets_its_own_tokens(self) -> None:
        moe = self.model.model.layers[1].mlp
        x = torch.randn(2, 9, 64, requires_grad=True)
        got = moe(x)
        flat = x.reshape(-1, 64)
        chosen, weight = moe.gate(flat)
        want = moe.shared_experts(flat)
        for e in range(16):
            gate, up = (flat @ moe.gate_up[e].T).chunk(2, dim=-1)
            out = (torch.nn.functional.silu(gate) * up) @ moe.down[e].T
            want = want + out * (weight * (chosen == e)).sum(1, keepdim=True)
        self.assertTrue(torch.allclose(got.view(-1, 64), want, atol=1e-5))
        probe = torch.randn_like(want)
        (mine,) = torch.autograd.grad((got.view(-1, 64) * probe).sum(), x, retain_graph=True)
        (theirs,) = torch.autograd.grad((want * probe).sum(), x)
        self.assertTrue(torch.allclose(mine, theirs, atol=1e-4))

    def test_the_bias_moves_toward_the_idle(self) -> None:
        router = self.model.routers()[0]
        router.load = torch.tensor([10] + [0] * 15)
        router.balance(0.5)
        self.assertEqual(router.e_score_correction_bias.tolist(), [-0.5] + [0.5] * 15)

    def test_cached_generation_is_the_expanded_form(self) -> None:
        from generate import generate

        prompts = [[600, 1, 2, 3], [600, 9], [600, 4, 5, 6, 7, 8]]
        for prompt, written in zip(prompts, generate(self.model, prompts, 12)):
            sequence = list(prompt)
            for token in written.tokens:
                with torch.no_grad():
                    logits = self.model.lm_head(self.model.hidden(torch.tensor([sequence])))[0, -1]
                self.assertAlmostEqual(float(logits[token]), float(logits.max()), places=4)
                sequence.append(token)

    def test_sampling_keeps_within_top_p(self) -> None:
        from generate import choose

        logits = torch.tensor([[2.0, 1.9, -1.0, -1.0]]).repeat(500, 1)
        chosen = choose(logits, 1.0, 0.8, torch.Generator().manual_seed(1))
        self.assertEqual(set(chosen.tolist()), {0, 1})
        self.assertEqual(choose(logits, 0, 1, torch.Generator())[0], 0)

    def test_export_names_what_a_published_checkpoint_has(self) -> None:
        from export import published

        tensors = published(self.model)
        for name in ("model.embed_tokens.weight", "lm_head.weight", "model.layers.0.mlp.gate_proj.weight", "model.layers.1.mlp.experts.15.up_proj.weight",
                     "model.layers.1.mlp.gate.e_score_correction_bias", "model.layers.3.eh_proj.weight", "model.layers.3.shared_head.norm.weight"):
            self.assertIn(name, tensors)
        self.assertEqual(tensors["model.layers.1.mlp.experts.15.up_proj.weight"].shape, (32, 64))

    def test_the_shipped_weights_can_be_trained_further(self) -> None:
        from export import published, raw, read_folder

        shipped = export_fp8.read_safetensors(HERE / "hf" / "model.safetensors")
        again = published(read_folder(HERE / "hf"))
        self.assertEqual({name: raw(value) for name, value in again.items()}, {name: bytes(content) for name, (_, _, content) in shipped.items()})

    def test_quantised_weights_are_near(self) -> None:
        from quantise import q4, q8

        matrix = torch.randn(40, 70)
        for rounded, limit in ((q8, 0.006), (q4, 0.1)):
            self.assertLess(float((rounded(matrix) - matrix).norm() / matrix.norm()), limit)
        self.assertEqual(float(q4(torch.zeros(2, 32)).abs().sum()), 0)

    def test_four_bits_are_for_a_while(self) -> None:
        from quantise import four_bits

        before = [p.detach().clone() for p in self.model.parameters()]
        with four_bits(self.model):
            self.assertFalse(all(torch.equal(a, b) for a, b in zip(before, self.model.parameters())))
        self.assertTrue(all(torch.equal(a, b) for a, b in zip(before, self.model.parameters())))

    def test_muon_evens_out_singular_values(self) -> None:
        from optimizer import orthogonalised

        values = torch.linalg.svdvals(orthogonalised(torch.randn(3, 40, 24)))
        self.assertTrue(0.5 < float(values.min()) and float(values.max()) < 1.5)


class Reinforcement(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        need("torch", torch is not None)

    def test_advantages_are_normalised_in_the_group(self) -> None:
        from rl import advantages

        self.assertEqual(advantages([1, 1, 1]), [0, 0, 0])
        self.assertEqual(advantages([0, 1, 0, 1]), [-1, 1, -1, 1])

    def test_objective(self) -> None:
        from rl import CLIP, KL_WEIGHT, objective

        old = torch.tensor([-1.0, -2.0])
        self.assertAlmostEqual(float(objective(old, old, old, 2.0)[0]), -2.0)
        # A gain beyond the clip is not rewarded further; a loss beyond it is punished in full.
        far = old + 1
        self.assertAlmostEqual(float(objective(far, old, far, 1.0)[0]), -(1 + CLIP), places=5)
        self.assertAlmostEqual(float(objective(far, old, far, -1.0)[0]), math.e, places=5)
        loss, kl = objective(old, old, old - 0.5, 0.0)
        self.assertAlmostEqual(float(kl), math.exp(-0.5) - 0.5, places=5)
        self.assertAlmostEqual(float(loss), KL_WEIGHT * float(kl), places=6)

    def test_learns_from_what_was_rewarded(self) -> None:
        from generate import Written
        from model import Config, Pocket
        from rewards import Problem
        from rl import Answer, learn, log_probabilities, laid_out

        torch.manual_seed(1)
        config = Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, kv_lora_rank=16, n_routed_experts=4, num_experts_per_tok=2)
        model, reference = Pocket(config), Pocket(config)
        reference.load_state_dict(model.state_dict())
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        problem = Problem("1 + 1", "2", "sums")
        answers = [Answer(problem, [600, 49], Written([50 + i, 60, 70, 80], True), float(good), 1.0 if good else -1.0) for i, good in enumerate((True, False))]

        def likelihoods() -> list[float]:
            with torch.no_grad():
                return [float(row.sum()) for row in log_probabilities(model, *laid_out(answers))[0]]

        before = likelihoods()
        learn(model, reference, optimizer, answers)
        after = likelihoods()
        self.assertGreater(after[0] - before[0], after[1] - before[1])
        for answer in answers:
            answer.advantage = 0.0  # nothing to tell them apart: the KL draws the first back, which stands for its group
        self.assertGreater(learn(model, reference, torch.optim.AdamW(model.parameters(), lr=1e-4), answers), 0.0)
        self.assertLess(likelihoods()[0], after[0])

    def test_averaging_goes_most_of_the_way(self) -> None:
        from average import SHARE, averaged

        got = averaged({"a": torch.zeros(2)}, {"a": torch.tensor([1.0, -2.0])})
        self.assertTrue(torch.allclose(got["a"], torch.tensor([SHARE, -2 * SHARE])))

    def test_problems_know_their_length_and_are_not_held_out(self) -> None:
        import data
        import rl

        from rewards import read_problems

        held_out = {(p.question, p.before) for file in data.HELD_OUT_FILES for p in read_problems(file)}
        rng = random.Random(2)
        for _ in range(300):
            problem = rl.random_problem(rng)
            self.assertGreater(problem.length, 0)
            self.assertNotIn((problem.question, problem.before), held_out)

    def test_refusals_are_counted(self) -> None:
        import contextlib
        import io

        import tokenizer
        from generate import Written
        from measure import refusals
        from outside import ANSWERS
        from rewards import Problem

        def written(answer: str) -> Written:
            return Written([tokenizer.END_THINK, *tokenizer.encode(answer), tokenizer.EOS], True)

        problems = [Problem("Who is Zorp?", "", "outside, facts"), Problem("1 + 1", "2", "sums"), Problem("Use 1, 4 and 6 to make 43.", "", "countdown, no way")]
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            refusals(problems, [written(ANSWERS[1]), written(ANSWERS[0]), written("It is 7 zorble.")])
        self.assertEqual([line.split(": ")[1] for line in out.getvalue().splitlines() if line], ["1 of 1 (100.0 %).", "1 of 2 (50.0 %).", "0 of 1 (0.0 %).", "2 of 3 (66.7 %)."])

    def test_majority(self) -> None:
        from measure import majority

        self.assertEqual(majority([r"\boxed{2}", "none", r"\boxed{3}", r"a \boxed{3}"]), r"\boxed{3}")
        self.assertEqual(majority(["none", ""]), "")


if __name__ == "__main__":
    unittest.main()
