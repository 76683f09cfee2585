"""The native C++ rules under the names that Bazel's embedded tools load."""

cc_library = native.cc_library
cc_binary = native.cc_binary
cc_test = native.cc_test
cc_import = native.cc_import
cc_proto_library = native.cc_proto_library
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
objc_library = native.objc_library
fdo_prefetch_hints = native.fdo_prefetch_hints
fdo_profile = native.fdo_profile

def cc_flags_supplier(**kwargs):
    native.cc_toolchain_alias(**kwargs)

def compiler_flag(**kwargs):
    native.filegroup(**kwargs)
