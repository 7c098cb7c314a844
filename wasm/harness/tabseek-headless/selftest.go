package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"tabseek/engine/gpu/gputest"
	"tabseek/shaders"
	"tabseek/wasm/abi"
)

// selftest compares every kernel with its Go reference, case by case.
func selftest(ctx context.Context, args []string, to streams) error {
	a, err := parseSelftest(args)
	if err != nil {
		return err
	}
	if a.record != "" {
		return record(a.record)
	}
	device, err := openDevice(a.target)
	if err != nil {
		return err
	}
	defer device.Close()
	info := device.Info()
	fmt.Fprintf(to.err, "device: %s (%s)\n", info.Name, info.Backend)
	type check struct {
		name string
		run  func() error
	}
	var checks []check
	var skipped []string
	replays, err := gputest.Replays()
	if err != nil {
		return err
	}
	for _, r := range replays {
		checks = append(checks, check{r.Name, func() error { return gputest.CheckReplay(device, r) }})
	}
	for _, c := range shaders.Cases() {
		if needs := c.Dispatch.Program.Requires(); !needs.Within(info.Features()) {
			skipped = append(skipped, fmt.Sprintf("skip %s: needs %s\n", c.Name, needs))
			continue
		}
		checks = append(checks, check{c.Name, func() error { return gputest.Check(device, c) }})
	}
	failed := 0
	for _, c := range checks {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := c.run(); err != nil {
			failed++
			fmt.Fprintf(to.out, "FAIL %v\n", err)
			continue
		}
		fmt.Fprintf(to.out, "ok   %s\n", c.name)
	}
	fmt.Fprint(to.out, strings.Join(skipped, ""))
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed on %s", failed, len(checks), info.Name)
	}
	return nil
}

// recordedCase is a line of a recording of the cases: what a host in another language must do, and what must come of it.
type recordedCase struct {
	Name      string           `json:"name"`
	Requires  shaders.Features `json:"requires"`
	Tolerance float64          `json:"tolerance"` // bounds |got-want| / (1+|want|)
	Frames    []byte           `json:"frames"`    // abi
	Wants     []gputest.Want   `json:"wants"`
}

// record writes the cases down, a JSON object a line, with the results of the Go reference.
func record(name string) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("--record: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	add := func(r gputest.Recorded, requires shaders.Features, tolerance float64) error {
		line := recordedCase{Name: r.Name, Requires: requires, Tolerance: tolerance, Wants: r.Wants}
		for _, command := range r.Commands {
			line.Frames = abi.Append(line.Frames, command)
		}
		return lines.Encode(line)
	}
	replays, err := gputest.Replays()
	if err != nil {
		return err
	}
	for _, r := range replays {
		if err := add(r, shaders.Features{}, 0); err != nil {
			return err
		}
	}
	for _, c := range shaders.Cases() {
		recorded, err := gputest.Record(c)
		if err != nil {
			return err
		}
		if err := add(recorded, c.Dispatch.Program.Requires(), c.Tolerance); err != nil {
			return err
		}
	}
	return out.Flush()
}
