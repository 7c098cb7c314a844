package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// A result is what came of a job.
type result struct {
	Samples []trace `json:"samples,omitempty"`
	Outcome *judged `json:"outcome,omitempty"`
}

// kept are the results of an eval that has not come to its end: a file in the user's cache, a line each, so that the same
// command goes on where it was interrupted. The file's name is made of whatever the results depend on.
type kept struct {
	path string
	file *os.File

	mutex   sync.Mutex
	results map[string]result
}

// A keptLine is a line of the file.
type keptLine struct {
	Question string `json:"question"` // where it is in the file, and what it is
	Job      string `json:"job"`
	result
}

func openKept(a evalArgs) (*kept, error) {
	k := &kept{results: map[string]result{}}
	model, err := openModel(a.model)
	if err != nil {
		return nil, err
	}
	manifest, err := fs.ReadFile(model, "model.json")
	if err != nil {
		return nil, err
	}
	wasm, err := readWasm(a.wasm)
	if err != nil {
		return nil, err
	}
	folder, err := os.UserCacheDir()
	if err != nil {
		return k, nil // nowhere to keep anything
	}
	hash := sha256.New()
	hash.Write(manifest)
	hash.Write(wasm)
	if err := json.NewEncoder(hash).Encode([]any{a.temperature, a.seed, a.maxTokens, a.device, a.minimum, a.context}); err != nil {
		return nil, err
	}
	k.path = filepath.Join(folder, "tabseek", "evals", hex.EncodeToString(hash.Sum(nil))[:32]+".jsonl")
	if err := os.MkdirAll(filepath.Dir(k.path), 0o755); err != nil {
		return &kept{results: k.results}, nil
	}
	if k.file, err = os.OpenFile(k.path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(k.path)
	if err != nil {
		return nil, err
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1] // a line may have been cut short
	for _, line := range bytes.Split(whole, []byte("\n")) {
		var l keptLine
		if len(line) > 0 && json.Unmarshal(line, &l) == nil {
			k.results[keptName(l.Question, l.Job)] = l.result
		}
	}
	if err := k.file.Truncate(int64(len(whole))); err != nil {
		return nil, err
	}
	_, err = k.file.Seek(int64(len(whole)), 0)
	return k, err
}

func keptName(question, job string) string { return question + " " + job }

// kept is the name of a question among what is kept.
func (q *question) kept(at int) (string, error) {
	data, err := json.Marshal(q)
	hash := sha256.Sum256(data)
	return fmt.Sprintf("%d:%x", at, hash[:8]), err
}

func (k *kept) get(question, job string) (result, bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	r, ok := k.results[keptName(question, job)]
	return r, ok
}

func (k *kept) put(question, job string, r result) error {
	if k.file == nil {
		return nil
	}
	line, err := json.Marshal(keptLine{question, job, r})
	if err != nil {
		return err
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	_, err = k.file.Write(append(line, '\n'))
	return err
}

func (k *kept) close() {
	if k.file != nil {
		k.file.Close()
	}
}

// remove forgets what was kept: the eval has come to its end.
func (k *kept) remove() {
	if k.file != nil {
		os.Remove(k.path)
	}
}
