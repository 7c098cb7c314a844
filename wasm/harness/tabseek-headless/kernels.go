package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

// probes are what the device can do at most.
type probes struct {
	ReadGBPerSecond float64 `json:"read_gb_per_second"`
	GFlopsPerSecond float64 `json:"gflops_per_second"`
}

// A timed kernel is a kind of dispatch of a step.
type timed struct {
	message.Measured
	Share           float64 `json:"share"` // of the step's time
	GBPerSecond     float64 `json:"gb_per_second"`
	GFlopsPerSecond float64 `json:"gflops_per_second"`
	// OfProbe is the greater of the two as a part of what the probe has: 1 is the limit.
	OfProbe float64 `json:"of_probe"`
}

// atDepth is a step of decoding at a position.
type atDepth struct {
	Depth           int     `json:"depth"`
	StepSeconds     float64 `json:"step_seconds"`
	TokensPerSecond float64 `json:"tokens_per_second"` // of all rows
	Attention       float64 `json:"attention"`         // its share of the step's time
}

// time adds what the kernels of a step take, and a step at growing depths.
func (a *benchArgs) time(ctx context.Context, host *harness.Host, m *measured) error {
	batch := 1
	for batch < a.batch {
		batch *= 2
	}
	last := host.Model().Context - 1
	list, err := host.Measure(ctx, message.Measure{Batch: batch, Depth: min(a.prompt+a.generate/2, last)})
	if err != nil {
		return err
	}
	m.Probes = probes{perSecond(list[0].Bytes, list[0].Nanoseconds), perSecond(list[1].Flops, list[1].Nanoseconds)}
	total := stepTime(list[2:])
	for _, k := range list[2:] {
		t := timed{Measured: k, GBPerSecond: perSecond(k.Bytes, k.Nanoseconds), GFlopsPerSecond: perSecond(k.Flops, k.Nanoseconds)}
		if total > 0 {
			t.Share = float64(k.Count) * k.Nanoseconds / total
		}
		if m.Probes.ReadGBPerSecond > 0 && m.Probes.GFlopsPerSecond > 0 {
			t.OfProbe = max(t.GBPerSecond/m.Probes.ReadGBPerSecond, t.GFlopsPerSecond/m.Probes.GFlopsPerSecond)
		}
		m.Kernels = append(m.Kernels, t)
	}
	slices.SortStableFunc(m.Kernels, func(a, b timed) int { return cmp.Compare(b.Share, a.Share) })
	for depth := 128; depth < 4*last; depth *= 4 {
		at := min(depth, last)
		list, err := host.Measure(ctx, message.Measure{Batch: batch, Depth: at})
		if err != nil {
			return err
		}
		step := stepTime(list[2:])
		d := atDepth{Depth: at, StepSeconds: step / 1e9}
		if step > 0 {
			attention := slices.DeleteFunc(list[2:], func(k message.Measured) bool { return !strings.HasSuffix(k.Kernel, "_decode") })
			d.TokensPerSecond, d.Attention = float64(a.batch)*1e9/step, stepTime(attention)/step
		}
		m.Depths = append(m.Depths, d)
	}
	return nil
}

// stepTime is what a step's kernels take together, in nanoseconds.
func stepTime(list []message.Measured) float64 {
	total := 0.0
	for _, k := range list {
		total += float64(k.Count) * k.Nanoseconds
	}
	return total
}

// perSecond is billions a second.
func perSecond(amount int64, nanoseconds float64) float64 {
	if nanoseconds <= 0 {
		return 0
	}
	return float64(amount) / nanoseconds
}

// print shows a table for people.
func (m measured) print(to streams) error {
	fmt.Fprintf(to.out, "prefill %.1f tokens/s, decode %.1f tokens/s on %s\n", m.PrefillTokensPerSecond, m.DecodeTokensPerSecond, m.Device)
	if m.Drafted > 0 {
		fmt.Fprintf(to.out, "drafts: %d of %d right (%.1f %%), by position %v; %.2f tokens a pass, %d drafts in the last\n",
			m.Accepted, m.Drafted, 100*float64(m.Accepted)/float64(m.Drafted), m.AcceptedByPosition, m.TokensPerPass, m.DraftDepth)
	}
	if m.Warning != "" {
		fmt.Fprintf(to.out, "warning: %s\n", m.Warning)
	}
	fmt.Fprintf(to.out, "probes: reads %.1f GB/s, computes %.1f GFLOP/s\n\n", m.Probes.ReadGBPerSecond, m.Probes.GFlopsPerSecond)
	fmt.Fprintf(to.out, "%-15s %5s %10s %6s %8s %9s %8s\n", "kernel", "times", "µs", "share", "GB/s", "GFLOP/s", "of probe")
	for _, k := range m.Kernels {
		fmt.Fprintf(to.out, "%-15s %5d %10.1f %5.1f%% %8.2f %9.2f %7.1f%%  %s\n", k.Kernel, k.Count, k.Nanoseconds/1e3, 100*k.Share, k.GBPerSecond, k.GFlopsPerSecond, 100*k.OfProbe, k.Program)
	}
	fmt.Fprintf(to.out, "\n%8s %12s %10s %10s\n", "depth", "ms a step", "tokens/s", "attention")
	for _, d := range m.Depths {
		fmt.Fprintf(to.out, "%8d %12.3f %10.1f %9.1f%%\n", d.Depth, 1e3*d.StepSeconds, d.TokensPerSecond, 100*d.Attention)
	}
	m.printExperts(to)
	return nil
}

// compare tells, on stderr, by how much speeds differ from those of an older run.
func (m measured) compare(path string, to streams) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--compare: %w", err)
	}
	var old measured
	if err := json.Unmarshal(data, &old); err != nil {
		return fmt.Errorf("--compare %s: %w", path, err)
	}
	if old.DecodeTokensPerSecond <= 0 || old.PrefillTokensPerSecond <= 0 {
		return fmt.Errorf("--compare %s: it is not what bench --json prints", path)
	}
	if old.Device != m.Device {
		fmt.Fprintf(to.err, "the older run was on %s\n", old.Device)
	}
	fmt.Fprintf(to.err, "prefill %.2f times, decode %.2f times as fast\n", m.PrefillTokensPerSecond/old.PrefillTokensPerSecond, m.DecodeTokensPerSecond/old.DecodeTokensPerSecond)
	for _, k := range m.Kernels {
		at := slices.IndexFunc(old.Kernels, func(o timed) bool { return o.Kernel == k.Kernel && o.Bytes == k.Bytes && o.Flops == k.Flops })
		if at >= 0 && k.Nanoseconds > 0 {
			fmt.Fprintf(to.err, "%-15s %.2f times as fast\n", k.Kernel, old.Kernels[at].Nanoseconds/k.Nanoseconds)
		}
	}
	return nil
}
