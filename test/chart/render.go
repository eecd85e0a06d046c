// Renders the templates of a Helm chart as `helm template` does, as far as the chart needs it. Standard input is a
// JSON object with the built-in objects (Values, Chart, Release); the arguments are the template files.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func main() {
	var objects map[string]interface{}
	check(json.NewDecoder(os.Stdin).Decode(&objects))

	templates := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = toYaml
	functions["include"] = func(name string, data interface{}) (string, error) {
		var text bytes.Buffer
		err := templates.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	template.Must(templates.Funcs(functions).ParseFiles(os.Args[1:]...))

	var documents []string
	for _, path := range os.Args[1:] {
		var text bytes.Buffer
		check(templates.ExecuteTemplate(&text, filepath.Base(path), objects))
		if document := strings.TrimSpace(text.String()); document != "" {
			documents = append(documents, strings.TrimPrefix(document, "---\n"))
		}
	}
	os.Stdout.WriteString(strings.Join(documents, "\n---\n") + "\n")
}

func toYaml(value interface{}) (string, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	err := encoder.Encode(value)
	return strings.TrimSuffix(text.String(), "\n"), err
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
