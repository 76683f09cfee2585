"""The macros every BUILD file of the house uses: one place for the compiler flags and the usual dependencies."""

COPTS = ["-fno-exceptions"]

# The compiler reads these files, so a new profile means that everything is compiled anew.
PROFILE = select({
    "//tools/build:release": ["//tools/build:profile"],
    "//conditions:default": [],
})

def outrigger_library(name, copts = [], deps = [], textual_hdrs = [], exceptions = False, **kwargs):
    """A library of a room. `exceptions` is for the one file that wraps a throwing library."""
    native.cc_library(
        name = name,
        copts = ([] if exceptions else COPTS) + copts,
        deps = deps + ["//tools/deps:absl"],
        textual_hdrs = textual_hdrs + PROFILE,
        **kwargs
    )

def outrigger_binary(name, copts = [], deps = [], **kwargs):
    native.cc_binary(
        name = name,
        copts = COPTS + copts,
        deps = deps + ["//tools/deps:absl"],
        **kwargs
    )

def outrigger_test(name, srcs, copts = [], deps = [], size = "small", **kwargs):
    """A GoogleTest binary with main() supplied."""
    native.cc_test(
        name = name,
        srcs = srcs,
        copts = COPTS + copts,
        size = size,
        deps = deps + [
            "//tools/deps:absl",
            "//tools/deps:gtest_main",
        ],
        **kwargs
    )

def outrigger_script_test(name, script, args = [], data = [], size = "medium", runner = "//tools/build:run_python", **kwargs):
    """A program in a script as a test: Python, with the modules of tools/, from the root of the workspace. It uses what `data` names."""
    native.sh_test(
        name = name,
        size = size,
        srcs = [runner],
        args = [script] + args,
        data = data,
        **kwargs
    )

def outrigger_fuzz(name, srcs, corpus = [], deps = [], **kwargs):
    """A libFuzzer target NAME_fuzz (only with --config=fuzz) and a test NAME_replay_test that runs its corpus everywhere."""
    native.cc_binary(
        name = name + "_fuzz",
        srcs = srcs,
        copts = COPTS,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        testonly = True,
        deps = deps + ["//tools/deps:absl"],
        **kwargs
    )
    native.cc_test(
        name = name + "_replay_test",
        srcs = srcs + ["//test/fuzz:replay_main.cc"],
        copts = COPTS,
        size = "small",
        args = ["$(rootpath %s)" % f for f in []] + ["test/fuzz/corpus/" + name],
        data = corpus,
        deps = deps + ["//tools/deps:absl"],
    )

def outrigger_benchmark(name, srcs, deps = [], **kwargs):
    native.cc_binary(
        name = name,
        srcs = srcs,
        copts = COPTS,
        testonly = True,
        deps = deps + [
            "//tools/deps:absl",
            "//tools/deps:benchmark",
        ],
        **kwargs
    )

def outrigger_proto(name, srcs, deps = [], **kwargs):
    """A proto package under api/: NAME (proto_library) and NAME_cc (C++ code, included without the api/ prefix)."""
    native.proto_library(
        name = name,
        srcs = srcs,
        strip_import_prefix = "/api",
        deps = deps,
        **kwargs
    )
    native.cc_proto_library(
        name = name + "_cc",
        deps = [":" + name],
        **kwargs
    )

def _grpc_sources_impl(ctx):
    outs = []
    for proto in ctx.attr.protos:
        info = proto[ProtoInfo]
        for src in info.direct_sources:
            path = src.path
            root = info.proto_source_root
            stem = path[len(root) + 1:] if path.startswith(root + "/") else path
            stem = stem[:-len(".proto")]
            # Relative to this package: the package of the rule must be the folder that the imports start at, api/.
            h = ctx.actions.declare_file(stem + ".grpc.pb.h")
            c = ctx.actions.declare_file(stem + ".grpc.pb.cc")
            outs += [h, c]
            out_dir = h.path[:-len(stem + ".grpc.pb.h") - 1]
            args = ctx.actions.args()
            args.add("--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin")
            args.add("--grpc_out=" + out_dir)
            args.add_all(info.transitive_proto_path, before_each = "-I")
            args.add(stem + ".proto")
            ctx.actions.run(
                executable = "/usr/bin/protoc",
                arguments = [args],
                inputs = info.transitive_sources,
                outputs = [h, c],
                mnemonic = "GrpcStubs",
            )
    return [DefaultInfo(files = depset(outs))]

_grpc_sources = rule(
    implementation = _grpc_sources_impl,
    attrs = {"protos": attr.label_list(providers = [ProtoInfo])},
)

def outrigger_grpc(name, protos, deps, **kwargs):
    """libgrpc service stubs of proto libraries; use it in api/BUILD only, so that includes start at api/."""
    _grpc_sources(name = name + "_sources", protos = protos)
    native.cc_library(
        name = name,
        srcs = [":" + name + "_sources"],
        hdrs = [":" + name + "_sources"],
        includes = ["."],
        copts = ["-w"],
        deps = deps + ["//tools/deps:grpc"],
        **kwargs
    )
