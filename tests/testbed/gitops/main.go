// gitopscheck does what Flux does with objects, and tells what kstatus makes of one.
//
// gitopscheck apply KUBECONFIG: applies a JSON list of objects from its input, as Flux's
// kustomize-controller does, and prints what was done with each by its kind, namespace and name.
// gitopscheck status: reads an object from its input, and prints its status by kstatus.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/pkg/ssa"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What kustomize-controller skips: the objects with this annotation or label in the cluster.
var skipped = map[string]string{"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 2 && arguments[0] == "apply":
		return apply(arguments[1])
	case len(arguments) == 1 && arguments[0] == "status":
		return tell()
	}
	return fmt.Errorf("usage: gitopscheck apply KUBECONFIG | status")
}

func apply(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	cluster, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	var objects []*unstructured.Unstructured
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		return err
	}
	owner := ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"}
	options := ssa.DefaultApplyOptions()
	options.ExclusionSelector = skipped
	changes, err := ssa.NewResourceManager(cluster, nil, owner).ApplyAll(context.Background(), objects, options)
	if err != nil {
		return err
	}
	done := map[string]string{}
	for _, each := range changes.Entries {
		done[each.Subject] = string(each.Action)
	}
	return json.NewEncoder(os.Stdout).Encode(done)
}

func tell() error {
	var object unstructured.Unstructured
	if err := json.NewDecoder(os.Stdin).Decode(&object); err != nil {
		return err
	}
	result, err := status.Compute(&object)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{
		"status": string(result.Status), "message": result.Message,
	})
}
