package main

import (
	"context"
	"fmt"

	"tabseek/engine/gpu/gputest"
	"tabseek/shaders"
)

// selftest compares every kernel with its Go reference, case by case.
func selftest(ctx context.Context, args []string, to streams) error {
	t, err := parseSelftest(args)
	if err != nil {
		return err
	}
	device, err := openDevice(t)
	if err != nil {
		return err
	}
	defer device.Close()
	info := device.Info()
	fmt.Fprintf(to.err, "device: %s (%s)\n", info.Name, info.Backend)
	cases := shaders.Cases()
	failed := 0
	for _, c := range cases {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := gputest.Check(device, c); err != nil {
			failed++
			fmt.Fprintf(to.out, "FAIL %v\n", err)
			continue
		}
		fmt.Fprintf(to.out, "ok   %s\n", c.Name)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed on %s", failed, len(cases), info.Name)
	}
	return nil
}
