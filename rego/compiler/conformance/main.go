// Program conformance feeds OPA's own test cases to an engine and judges what it answers.
//
// One JSON document a line on standard output: each case compiled to WebAssembly; the engine's answer is read from
// standard input; the verdict follows. It runs natively: only the test of the engine needs it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/util"
	"sallyport/rego/compiler/values"
)

// Question is a case as the engine gets it.
type Question struct {
	Note   string            `json:"note"`
	File   string            `json:"file"`
	Wasm   []byte            `json:"wasm"`
	Data   any               `json:"data"`
	Input  *string           `json:"input"` // a value, sets included; null where there is none
	Strict bool              `json:"strict"`
	Env    map[string]string `json:"env,omitempty"`
}

// Answer is what the engine gave: the set of bindings as a value, or an error.
type Answer struct {
	Result *string `json:"result"`
	Error  *string `json:"error"`
}

// Verdict is passed, failed, or excluded with a reason.
type Verdict struct {
	Note    string `json:"note"`
	File    string `json:"file"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
}

func main() {
	root := os.Args[1]
	// OPA's suite uses a builtin of its own.
	rego.RegisterBuiltin1(&rego.Function{Name: "test.sleep", Decl: types.NewFunction(types.Args(types.S), types.Nl), Memoize: false},
		func(rego.BuiltinContext, *ast.Term) (*ast.Term, error) { return ast.NullTerm(), nil })
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		set, err := cases.Load(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		for _, test := range set.Cases {
			verdict := judge(test, name, func(question Question) Answer {
				_ = out.Encode(map[string]any{"question": question})
				line, err := in.ReadBytes('\n')
				if err != nil {
					os.Exit(1)
				}
				var answer Answer
				_ = json.Unmarshal(line, &answer)
				return answer
			})
			verdict.Note, verdict.File = test.Note, name
			_ = out.Encode(map[string]any{"verdict": verdict})
		}
		return nil
	})
}

func judge(test cases.TestCase, name string, ask func(Question) Answer) Verdict {
	version := ast.RegoV1
	if strings.HasPrefix(name, "v0") {
		version = ast.RegoV0
	}
	question, err := compiled(test, version)
	if err != nil {
		return judgeError(test, err.Error(), codeOf(err))
	}
	question.File = name
	answer := ask(question)
	if answer.Error != nil {
		return judgeError(test, *answer.Error, "")
	}
	if test.WantError != nil || test.WantErrorCode != nil {
		return Verdict{Outcome: "failed", Reason: "expected an error, got " + *answer.Result}
	}
	return judgeResult(test, *answer.Result)
}

func compiled(test cases.TestCase, version ast.RegoVersion) (Question, error) {
	data := map[string]any{}
	if test.Data != nil {
		data = *test.Data
	}
	options := []func(*rego.Rego){rego.Query(test.Query), rego.SetRegoVersion(version), rego.Store(inmem.NewFromObject(data))}
	for i, module := range test.Modules {
		options = append(options, rego.Module(fmt.Sprintf("test-%d.rego", i), module))
	}
	built, err := rego.New(options...).Compile(context.Background(), rego.CompilePartial(false))
	if err != nil {
		return Question{}, err
	}
	question := Question{Note: test.Note, Wasm: built.Bytes, Data: data, Strict: test.StrictError, Env: test.Env}
	if test.InputTerm != nil {
		term, err := ast.ParseTerm(*test.InputTerm)
		if err != nil {
			return Question{}, err
		}
		text := string(values.Append(nil, term.Value))
		question.Input = &text
	} else if test.Input != nil {
		value, err := ast.InterfaceToValue(*test.Input)
		if err != nil {
			return Question{}, err
		}
		text := string(values.Append(nil, value))
		question.Input = &text
	}
	return question, nil
}

func judgeError(test cases.TestCase, message, code string) Verdict {
	if test.WantError == nil && test.WantErrorCode == nil {
		return Verdict{Outcome: "failed", Reason: "unexpected error: " + message}
	}
	if code != "" && test.WantErrorCode != nil && *test.WantErrorCode != code {
		return Verdict{Outcome: "failed", Reason: fmt.Sprintf("error code %s, expected %s", code, *test.WantErrorCode)}
	}
	return Verdict{Outcome: "passed"}
}

func codeOf(err error) string {
	if known, ok := err.(*topdown.Error); ok {
		return known.Code
	}
	if several, ok := err.(ast.Errors); ok && len(several) > 0 {
		return several[0].Code
	}
	return ""
}

func judgeResult(test cases.TestCase, text string) Verdict {
	term, err := ast.ParseTerm(text)
	if err != nil {
		return Verdict{Outcome: "failed", Reason: "the answer is not a value: " + text}
	}
	var bindings []any
	each := func(item *ast.Term) {
		value, _ := ast.JSON(item.Value)
		bindings = append(bindings, value)
	}
	switch found := term.Value.(type) {
	case ast.Set:
		found.Foreach(each)
	case *ast.Array:
		found.Foreach(each)
	}
	if test.WantDefined != nil && test.WantResult == nil {
		if (len(bindings) > 0) != *test.WantDefined {
			return Verdict{Outcome: "failed", Reason: fmt.Sprintf("defined: %v, expected %v", len(bindings) > 0, *test.WantDefined)}
		}
		return Verdict{Outcome: "passed"}
	}
	if test.WantResult == nil {
		return Verdict{Outcome: "failed", Reason: "the case expects nothing that could be judged"}
	}
	want := []any{}
	for _, test := range *test.WantResult {
		want = append(want, map[string]any(test))
	}
	got, expected := canonical(bindings, test.SortBindings), canonical(want, test.SortBindings)
	if util.Compare(got, expected) != 0 {
		return Verdict{Outcome: "failed", Reason: fmt.Sprintf("got %s, expected %s", short(got), short(expected))}
	}
	return Verdict{Outcome: "passed"}
}

// canonical orders what has no order: the bindings, and with sorted the arrays that stand for sets.
func canonical(bindings []any, sorted bool) any {
	list := make([]any, len(bindings))
	for i, test := range bindings {
		if fields, ok := test.(map[string]any); ok && sorted {
			for _, value := range fields {
				if array, ok := value.([]any); ok {
					sort.Slice(array, func(i, j int) bool { return util.Compare(array[i], array[j]) < 0 })
				}
			}
		}
		list[i] = util.MustUnmarshalJSON(util.MustMarshalJSON(test))
	}
	sort.Slice(list, func(i, j int) bool { return util.Compare(list[i], list[j]) < 0 })
	return list
}

func short(value any) string {
	text, _ := json.Marshal(value)
	if len(text) > 300 {
		return string(text[:300]) + "…"
	}
	return string(text)
}
