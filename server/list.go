package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// listModels lists the packed models that serve would serve.
func listModels(_ context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("models", flag.ContinueOnError)
	var folders stringList
	flags.Var(&folders, "models", "a packed model, or a folder of packed models; may be repeated")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	models, err := findModels(folders)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSIZE\tPARAMETERS\tQUANT\tCHAT\tLICENSE\tFOLDER")
	for _, m := range models {
		i, err := inspectModel(m)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", modelName(m), humanBytes(m.Bytes()), humanCount(i.ParamsTotal), m.Source.Quant, orDash(m.Chat), orDash(m.Source.License), m.Dir)
	}
	return table.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// humanCount prints a number of parameters as people read it.
func humanCount(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f B", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}

// pulledModels is the folder that pull writes to, if there is one.
func pulledModels() (string, bool) {
	folder, err := modelsFolder()
	if err != nil {
		return "", false
	}
	info, err := os.Stat(folder)
	return folder, err == nil && info.IsDir()
}
