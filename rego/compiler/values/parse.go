package values

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maxDepth is that of Go's JSON decoder.
const maxDepth = 10_000

var (
	errEnd    = errors.New("the value ends in the middle")
	errDepth  = errors.New("the value is nested too deep")
	written   = regexp.MustCompile(`^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?`) // as in Rego: 1. and .1 are numbers
	numbers   = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?`)
	emptySet  = []byte("set()")
	constants = map[string]ast.Value{"true": ast.Boolean(true), "false": ast.Boolean(false), "null": ast.Null{}}
)

// Parse reads a value as the policy's memory dumps it: JSON, except that sets ({1, 2}, set()) and keys that are not strings
// are as in Rego. Not by Rego's own parser, which takes strings for source: a byte order mark in one is an error to it.
func Parse(text []byte) (*ast.Term, error) {
	input := reader{left: text}
	value, err := input.value(0)
	if err != nil {
		return nil, err
	}
	if input.space(); len(input.left) > 0 {
		return nil, fmt.Errorf("there is more behind the value: %.20q", input.left)
	}
	return ast.NewTerm(value), nil
}

type reader struct{ left []byte }

func (r *reader) space() {
	r.left = bytes.TrimLeft(r.left, " \t\r\n")
}

func (r *reader) takes(char byte) bool {
	r.space()
	if len(r.left) == 0 || r.left[0] != char {
		return false
	}
	r.left = r.left[1:]
	return true
}

func (r *reader) value(depth int) (ast.Value, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	r.space()
	if len(r.left) == 0 {
		return nil, errEnd
	}
	switch {
	case r.left[0] == '"':
		return r.text()
	case r.takes('['):
		var items []*ast.Term
		err := r.members(']', func() error {
			item, err := r.value(depth + 1)
			if err == nil {
				items = append(items, ast.NewTerm(item))
			}
			return err
		})
		return ast.NewArray(items...), err
	case r.takes('{'):
		return r.braces(depth)
	case bytes.HasPrefix(r.left, emptySet):
		r.left = r.left[len(emptySet):]
		return ast.NewSet(), nil
	}
	for word, value := range constants {
		if bytes.HasPrefix(r.left, []byte(word)) {
			r.left = r.left[len(word):]
			return value, nil
		}
	}
	found := written.Find(r.left)
	if found == nil {
		return nil, fmt.Errorf("no value begins with %.20q", r.left)
	}
	r.left = r.left[len(found):]
	return ast.Number(found), nil
}

func (r *reader) text() (ast.Value, error) {
	for i := 1; i < len(r.left); i++ {
		switch r.left[i] {
		case '\\':
			i++
		case '"':
			var text string
			err := json.Unmarshal(r.left[:i+1], &text)
			r.left = r.left[i+1:]
			return ast.String(text), err
		}
	}
	return nil, errEnd
}

// braces reads an object, or a set, whose first member no colon follows.
func (r *reader) braces(depth int) (ast.Value, error) {
	object, set := ast.NewObject(), ast.NewSet()
	isSet := false
	err := r.members('}', func() error {
		first, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		isSet = !r.takes(':')
		if isSet {
			set.Add(ast.NewTerm(first))
			return nil
		}
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		object.Insert(ast.NewTerm(first), ast.NewTerm(item))
		return nil
	})
	if isSet {
		return set, err
	}
	return object, err
}

func (r *reader) members(end byte, member func() error) error {
	for first := true; !r.takes(end); first = false {
		if !first && !r.takes(',') {
			return errEnd
		}
		if err := member(); err != nil {
			return err
		}
	}
	return nil
}
