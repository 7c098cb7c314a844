package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A progressBar shows how far a long transfer is, how fast, and how long it will take: over and over in one line of a
// terminal, and elsewhere in a line now and then.
type progressBar struct {
	out      io.Writer
	terminal bool
	total    int64
	start    time.Time
	last     time.Time
	from     int64 // what was there at the start
	wide     int   // of the line that is there
}

func newProgressBar(out io.Writer, total int64) *progressBar {
	b := &progressBar{out: out, total: total, start: time.Now(), last: time.Now()}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

// begin says how much is there already.
func (b *progressBar) begin(done int64) {
	b.from = done
	fmt.Fprintf(b.out, "going on after %s\n", humanBytes(done))
}

func (b *progressBar) show(done int64) {
	every := 10 * time.Second
	if b.terminal {
		every = 200 * time.Millisecond
	}
	now := time.Now()
	if now.Sub(b.last) < every {
		return
	}
	b.last = now
	line := progressText(done, b.total, done-b.from, now.Sub(b.start))
	if !b.terminal {
		fmt.Fprintln(b.out, line)
		return
	}
	fmt.Fprintf(b.out, "\r%-*s", b.wide, line)
	b.wide = len([]rune(line))
}

// done clears the line.
func (b *progressBar) done() {
	if b.terminal && b.wide > 0 {
		fmt.Fprintf(b.out, "\r%s\r", strings.Repeat(" ", b.wide))
	}
}

func progressText(done, total, fresh int64, took time.Duration) string {
	const cells = 24
	filled := cells
	if total > 0 {
		filled = int(cells * min(done, total) / total)
	}
	bar := strings.Repeat("█", filled) + strings.Repeat("░", cells-filled)
	text := fmt.Sprintf("%s %s of %s", bar, humanBytes(done), humanBytes(total))
	if seconds := took.Seconds(); fresh > 0 && seconds > 0 {
		speed := float64(fresh) / seconds
		left := time.Duration(float64(total-done) / speed * float64(time.Second))
		text += fmt.Sprintf(", %s/s, %s left", humanBytes(int64(speed)), left.Round(time.Second))
	}
	return text
}
