// Program compiler is OPA's own compiler behind one JSON request on standard input and one JSON answer on
// standard output. It is built to WebAssembly (wasip1) and run without any access to the host.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// Request names a command and the Rego sources it works on.
type Request struct {
	Command      string            `json:"command"` // build | test | version
	Sources      map[string]string `json:"sources"` // file name -> text
	Entrypoints  []string          `json:"entrypoints"`
	Capabilities json.RawMessage   `json:"capabilities"`
	Schema       json.RawMessage   `json:"schema"` // JSON Schema of the input; optional
}

// Problem is one finding with its place, as an editor shows it.
type Problem struct {
	File    string `json:"file"`
	Row     int    `json:"row"`
	Column  int    `json:"column"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Answer holds what the command gave; Problems is empty exactly when it succeeded.
type Answer struct {
	Problems []Problem    `json:"problems"`
	OPA      string       `json:"opa,omitempty"`
	Wasm     []byte       `json:"wasm,omitempty"`  // base64 in JSON
	Reads    [][]string   `json:"reads,omitempty"` // input paths that the policy can look at
	Tests    []TestResult `json:"tests,omitempty"`
	Coverage float64      `json:"coverage,omitempty"` // percent of lines
}

func main() {
	var request Request
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		fmt.Fprintln(os.Stderr, "the request is not JSON:", err)
		os.Exit(2)
	}
	answer := run(request)
	if answer.Problems == nil {
		answer.Problems = []Problem{}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		os.Exit(2)
	}
}

func run(request Request) Answer {
	switch request.Command {
	case "build":
		return build(request)
	case "test":
		return test(request)
	}
	return Answer{Problems: []Problem{{Code: "usage", Message: "unknown command " + request.Command}}}
}
