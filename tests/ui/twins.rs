//! The twins of the programs that must not compile: the same, but for the fix. They are one crate here, so that they cost
//! one compilation; `tests/ui.rs` sees to it that none is missing.

// They are programs for the compiler alone, and each is a module here.
#![allow(dead_code, unreachable_pub, unused_imports, unused_macros, unused_variables)]
#![allow(clippy::all, clippy::pedantic)]

#[path = "arguments/a_constant_that_no_argument_determines.ok.rs"]
mod arguments_a_constant_that_no_argument_determines;
#[path = "arguments/a_name_of_a_struct_pattern_is_left_out.ok.rs"]
mod arguments_a_name_of_a_struct_pattern_is_left_out;
#[path = "arguments/a_name_of_a_tuple_pattern_is_left_out.ok.rs"]
mod arguments_a_name_of_a_tuple_pattern_is_left_out;
#[path = "arguments/a_raw_name_is_left_out.ok.rs"]
mod arguments_a_raw_name_is_left_out;
#[path = "arguments/a_type_that_no_argument_determines.ok.rs"]
mod arguments_a_type_that_no_argument_determines;
#[path = "arguments/left_out_below_a_cfg.ok.rs"]
mod arguments_left_out_below_a_cfg;
#[path = "arguments/left_out_below_async_trait.ok.rs"]
mod arguments_left_out_below_async_trait;
#[path = "arguments/named_only_by_a_time.ok.rs"]
mod arguments_named_only_by_a_time;
#[path = "arguments/named_only_by_the_cache.ok.rs"]
mod arguments_named_only_by_the_cache;
#[path = "arguments/neither_in_the_key_nor_skipped.ok.rs"]
mod arguments_neither_in_the_key_nor_skipped;
#[path = "arguments/one_without_a_name_is_left_out.ok.rs"]
mod arguments_one_without_a_name_is_left_out;
#[path = "arguments/self_is_left_out.ok.rs"]
mod arguments_self_is_left_out;
#[path = "arguments/self_of_an_arc_is_left_out.ok.rs"]
mod arguments_self_of_an_arc_is_left_out;
#[path = "arguments/several_are_left_out.ok.rs"]
mod arguments_several_are_left_out;

#[path = "beta/a_number_of_another_type.ok.rs"]
mod beta_a_number_of_another_type;
#[path = "beta/a_string.ok.rs"]
mod beta_a_string;
#[path = "beta/an_expression_of_another_type.ok.rs"]
mod beta_an_expression_of_another_type;
#[path = "beta/infinite.ok.rs"]
mod beta_infinite;
#[path = "beta/negative.ok.rs"]
mod beta_negative;
#[path = "beta/negative_with_a_fraction.ok.rs"]
mod beta_negative_with_a_fraction;
#[path = "beta/not_a_number.ok.rs"]
mod beta_not_a_number;
#[path = "beta/too_large.ok.rs"]
mod beta_too_large;

#[path = "bodies/a_future_that_is_not_send.ok.rs"]
mod bodies_a_future_that_is_not_send;
#[path = "bodies/a_half_typed_body.ok.rs"]
mod bodies_a_half_typed_body;
#[path = "bodies/a_mistake_in_the_body.ok.rs"]
mod bodies_a_mistake_in_the_body;
#[path = "bodies/an_argument_that_is_moved_twice.ok.rs"]
mod bodies_an_argument_that_is_moved_twice;

#[path = "caches/an_unknown_name.ok.rs"]
mod caches_an_unknown_name;
#[path = "caches/of_another_type.ok.rs"]
mod caches_of_another_type;
#[path = "caches/of_self_without_self.ok.rs"]
mod caches_of_self_without_self;

#[path = "clone_error/no_function.ok.rs"]
mod clone_error_no_function;
#[path = "clone_error/of_another_type.ok.rs"]
mod clone_error_of_another_type;
#[path = "clone_error/on_a_function_that_does_not_fail.ok.rs"]
mod clone_error_on_a_function_that_does_not_fail;
#[path = "clone_error/that_captures.ok.rs"]
mod clone_error_that_captures;

#[path = "companion/a_function_of_its_name_exists.ok.rs"]
mod companion_a_function_of_its_name_exists;
#[path = "companion/a_method_of_its_name_exists.ok.rs"]
mod companion_a_method_of_its_name_exists;
#[path = "companion/a_method_used_beside_a_mistake.ok.rs"]
mod companion_a_method_used_beside_a_mistake;
#[path = "companion/a_private_one_from_outside.ok.rs"]
mod companion_a_private_one_from_outside;
#[path = "companion/asked_for_in_an_async_traits_impl.ok.rs"]
mod companion_asked_for_in_an_async_traits_impl;
#[path = "companion/in_a_traits_impl.ok.rs"]
mod companion_in_a_traits_impl;
#[path = "companion/of_a_parameter_of_an_impl.ok.rs"]
mod companion_of_a_parameter_of_an_impl;
#[path = "companion/of_a_parameter_under_an_alias.ok.rs"]
mod companion_of_a_parameter_under_an_alias;
#[path = "companion/of_another_type.ok.rs"]
mod companion_of_another_type;
#[path = "companion/used_beside_a_mistake.ok.rs"]
mod companion_used_beside_a_mistake;
#[path = "companion/used_where_it_is_left_out.ok.rs"]
mod companion_used_where_it_is_left_out;
#[path = "companion/used_with_an_argument_that_is_skipped.ok.rs"]
mod companion_used_with_an_argument_that_is_skipped;

#[path = "derive/a_field_that_cannot_stand_in_a_key.ok.rs"]
mod derive_a_field_that_cannot_stand_in_a_key;
#[path = "derive/a_parameter_that_cannot_stand_in_a_key.ok.rs"]
mod derive_a_parameter_that_cannot_stand_in_a_key;
#[path = "derive/a_phantom_data_of_another_crate.ok.rs"]
mod derive_a_phantom_data_of_another_crate;
#[path = "derive/a_union.ok.rs"]
mod derive_a_union;
#[path = "derive/an_option_that_does_not_exist.ok.rs"]
mod derive_an_option_that_does_not_exist;
#[path = "derive/every_mistake_of_an_attribute.ok.rs"]
mod derive_every_mistake_of_an_attribute;

#[path = "detached/a_reference_that_is_not_clone.ok.rs"]
mod detached_a_reference_that_is_not_clone;
#[path = "detached/a_reference_that_is_not_sync.ok.rs"]
mod detached_a_reference_that_is_not_sync;
#[path = "detached/a_self_that_is_not_clone.ok.rs"]
mod detached_a_self_that_is_not_clone;
#[path = "detached/a_slice_of_references.ok.rs"]
mod detached_a_slice_of_references;
#[path = "detached/a_trait_object.ok.rs"]
mod detached_a_trait_object;
#[path = "detached/a_value.ok.rs"]
mod detached_a_value;
#[path = "detached/an_argument_that_borrows.ok.rs"]
mod detached_an_argument_that_borrows;
#[path = "detached/an_argument_that_is_not_send.ok.rs"]
mod detached_an_argument_that_is_not_send;
#[path = "detached/an_error_that_is_not_send.ok.rs"]
mod detached_an_error_that_is_not_send;
#[path = "detached/an_exclusive_borrow.ok.rs"]
mod detached_an_exclusive_borrow;
#[path = "detached/an_exclusive_self.ok.rs"]
mod detached_an_exclusive_self;

#[path = "functions/called_beside_a_mistake.ok.rs"]
mod functions_called_beside_a_mistake;
#[path = "functions/const_.ok.rs"]
mod functions_const_;
#[path = "functions/extern_.ok.rs"]
mod functions_extern_;
#[path = "functions/in_an_extern_block.ok.rs"]
mod functions_in_an_extern_block;
#[path = "functions/not_async.ok.rs"]
mod functions_not_async;
#[path = "functions/not_async_and_other_mistakes.ok.rs"]
mod functions_not_async_and_other_mistakes;
#[path = "functions/returns_a_boxed_future.ok.rs"]
mod functions_returns_a_boxed_future;
#[path = "functions/returns_a_future.ok.rs"]
mod functions_returns_a_future;
#[path = "functions/returns_impl_trait.ok.rs"]
mod functions_returns_impl_trait;
#[path = "functions/returns_impl_trait_inside.ok.rs"]
mod functions_returns_impl_trait_inside;
#[path = "functions/unsafe_.ok.rs"]
mod functions_unsafe_;
#[path = "functions/without_a_body.ok.rs"]
mod functions_without_a_body;
#[path = "functions/without_a_body_and_other_mistakes.ok.rs"]
mod functions_without_a_body_and_other_mistakes;

#[path = "items/a_closure.ok.rs"]
mod items_a_closure;
#[path = "items/a_constant.ok.rs"]
mod items_a_constant;
#[path = "items/a_macro.ok.rs"]
mod items_a_macro;
#[path = "items/a_module.ok.rs"]
mod items_a_module;
#[path = "items/a_static.ok.rs"]
mod items_a_static;
#[path = "items/a_struct.ok.rs"]
mod items_a_struct;
#[path = "items/a_trait.ok.rs"]
mod items_a_trait;
#[path = "items/a_type_alias.ok.rs"]
mod items_a_type_alias;
#[path = "items/a_union.ok.rs"]
mod items_a_union;
#[path = "items/a_use.ok.rs"]
mod items_a_use;
#[path = "items/an_enum.ok.rs"]
mod items_an_enum;
#[path = "items/an_impl.ok.rs"]
mod items_an_impl;
#[path = "items/an_impl_below_async_trait.ok.rs"]
mod items_an_impl_below_async_trait;

#[path = "options/a_colon_for_an_equals_sign.ok.rs"]
mod options_a_colon_for_an_equals_sign;
#[path = "options/a_key_given_twice.ok.rs"]
mod options_a_key_given_twice;
#[path = "options/a_key_in_parentheses.ok.rs"]
mod options_a_key_in_parentheses;
#[path = "options/a_key_of_bytes.ok.rs"]
mod options_a_key_of_bytes;
#[path = "options/a_key_that_is_a_number.ok.rs"]
mod options_a_key_that_is_a_number;
#[path = "options/a_key_that_is_formatted.ok.rs"]
mod options_a_key_that_is_formatted;
#[path = "options/a_key_that_is_not_a_literal.ok.rs"]
mod options_a_key_that_is_not_a_literal;
#[path = "options/a_key_without_its_name.ok.rs"]
mod options_a_key_without_its_name;
#[path = "options/a_missing_comma.ok.rs"]
mod options_a_missing_comma;
#[path = "options/a_missing_key.ok.rs"]
mod options_a_missing_key;
#[path = "options/a_missing_ttl.ok.rs"]
mod options_a_missing_ttl;
#[path = "options/a_mistyped_option.ok.rs"]
mod options_a_mistyped_option;
#[path = "options/a_semicolon_for_a_comma.ok.rs"]
mod options_a_semicolon_for_a_comma;
#[path = "options/a_version_that_is_a_string.ok.rs"]
mod options_a_version_that_is_a_string;
#[path = "options/a_version_that_is_negative.ok.rs"]
mod options_a_version_that_is_negative;
#[path = "options/a_version_that_is_no_literal.ok.rs"]
mod options_a_version_that_is_no_literal;
#[path = "options/a_version_with_a_fraction.ok.rs"]
mod options_a_version_with_a_fraction;
#[path = "options/an_option_given_twice.ok.rs"]
mod options_an_option_given_twice;
#[path = "options/an_option_with_an_empty_value.ok.rs"]
mod options_an_option_with_an_empty_value;
#[path = "options/an_option_without_a_value.ok.rs"]
mod options_an_option_without_a_value;
#[path = "options/an_unknown_option.ok.rs"]
mod options_an_unknown_option;
#[path = "options/crate_that_does_not_exist.ok.rs"]
mod options_crate_that_does_not_exist;
#[path = "options/crate_that_is_a_string.ok.rs"]
mod options_crate_that_is_a_string;
#[path = "options/entry_that_is_not_a_bool.ok.rs"]
mod options_entry_that_is_not_a_bool;
#[path = "options/every_mistake_at_once.ok.rs"]
mod options_every_mistake_at_once;
#[path = "options/mistakes_of_each_stage_at_once.ok.rs"]
mod options_mistakes_of_each_stage_at_once;
#[path = "options/no_options.ok.rs"]
mod options_no_options;
#[path = "options/options_of_other_crates.ok.rs"]
mod options_options_of_other_crates;

#[path = "parts/a_float.ok.rs"]
mod parts_a_float;
#[path = "parts/a_list_of_what_cannot_stand_in_a_key.ok.rs"]
mod parts_a_list_of_what_cannot_stand_in_a_key;
#[path = "parts/a_parameter_without_a_bound.ok.rs"]
mod parts_a_parameter_without_a_bound;
#[path = "parts/a_private_field.ok.rs"]
mod parts_a_private_field;
#[path = "parts/a_type_that_cannot_stand_in_a_key.ok.rs"]
mod parts_a_type_that_cannot_stand_in_a_key;
#[path = "parts/an_enum.ok.rs"]
mod parts_an_enum;
#[path = "parts/an_unknown_field.ok.rs"]
mod parts_an_unknown_field;
#[path = "parts/an_unknown_method.ok.rs"]
mod parts_an_unknown_method;
#[path = "parts/self_cannot_stand_in_a_key.ok.rs"]
mod parts_self_cannot_stand_in_a_key;

#[path = "returns/a_body_of_another_type.ok.rs"]
mod returns_a_body_of_another_type;
#[path = "returns/a_parameter_of_an_impl.ok.rs"]
mod returns_a_parameter_of_an_impl;
#[path = "returns/a_parameter_without_bounds.ok.rs"]
mod returns_a_parameter_without_bounds;
#[path = "returns/a_question_mark_without_a_conversion.ok.rs"]
mod returns_a_question_mark_without_a_conversion;
#[path = "returns/a_reference.ok.rs"]
mod returns_a_reference;
#[path = "returns/a_result_of_a_list_under_an_alias.ok.rs"]
mod returns_a_result_of_a_list_under_an_alias;
#[path = "returns/a_result_that_cannot_be_cached.ok.rs"]
mod returns_a_result_that_cannot_be_cached;
#[path = "returns/a_static_str.ok.rs"]
mod returns_a_static_str;
#[path = "returns/a_trait_object.ok.rs"]
mod returns_a_trait_object;
#[path = "returns/a_type_that_cannot_be_cached.ok.rs"]
mod returns_a_type_that_cannot_be_cached;
#[path = "returns/a_type_that_cannot_be_read_back.ok.rs"]
mod returns_a_type_that_cannot_be_read_back;
#[path = "returns/a_type_that_cannot_be_written.ok.rs"]
mod returns_a_type_that_cannot_be_written;
#[path = "returns/an_option_that_cannot_be_cached.ok.rs"]
mod returns_an_option_that_cannot_be_cached;

#[path = "skip/a_mistyped_name.ok.rs"]
mod skip_a_mistyped_name;
#[path = "skip/a_name_given_twice.ok.rs"]
mod skip_a_name_given_twice;
#[path = "skip/a_name_that_stands_in_the_key.ok.rs"]
mod skip_a_name_that_stands_in_the_key;
#[path = "skip/a_string.ok.rs"]
mod skip_a_string;
#[path = "skip/an_assignment.ok.rs"]
mod skip_an_assignment;
#[path = "skip/an_expression.ok.rs"]
mod skip_an_expression;
#[path = "skip/an_unknown_name.ok.rs"]
mod skip_an_unknown_name;
#[path = "skip/self_of_a_function_without.ok.rs"]
mod skip_self_of_a_function_without;
#[path = "skip/the_type_beside_self.ok.rs"]
mod skip_the_type_beside_self;
#[path = "skip/the_type_that_stands_in_the_key.ok.rs"]
mod skip_the_type_that_stands_in_the_key;

#[path = "template/a_bracket_is_not_closed.ok.rs"]
mod template_a_bracket_is_not_closed;
#[path = "template/a_bracket_is_not_closed_before_the_next.ok.rs"]
mod template_a_bracket_is_not_closed_before_the_next;
#[path = "template/a_bracket_is_not_opened.ok.rs"]
mod template_a_bracket_is_not_opened;
#[path = "template/a_colon_instead_of_brackets.ok.rs"]
mod template_a_colon_instead_of_brackets;
#[path = "template/a_constant_of_a_constant.ok.rs"]
mod template_a_constant_of_a_constant;
#[path = "template/a_constant_of_a_module.ok.rs"]
mod template_a_constant_of_a_module;
#[path = "template/a_constant_of_an_argument.ok.rs"]
mod template_a_constant_of_an_argument;
#[path = "template/a_constant_of_an_unknown_type.ok.rs"]
mod template_a_constant_of_an_unknown_type;
#[path = "template/a_constant_that_does_not_exist.ok.rs"]
mod template_a_constant_that_does_not_exist;
#[path = "template/a_format_specification.ok.rs"]
mod template_a_format_specification;
#[path = "template/a_function_of_a_type.ok.rs"]
mod template_a_function_of_a_type;
#[path = "template/a_keyword_as_a_field.ok.rs"]
mod template_a_keyword_as_a_field;
#[path = "template/a_method_with_an_argument.ok.rs"]
mod template_a_method_with_an_argument;
#[path = "template/a_mistyped_argument.ok.rs"]
mod template_a_mistyped_argument;
#[path = "template/a_name_of_a_pattern_below_async_trait.ok.rs"]
mod template_a_name_of_a_pattern_below_async_trait;
#[path = "template/a_pattern_is_named_by_its_type.ok.rs"]
mod template_a_pattern_is_named_by_its_type;
#[path = "template/a_raw_string.ok.rs"]
mod template_a_raw_string;
#[path = "template/a_separator_that_values_may_hold.ok.rs"]
mod template_a_separator_that_values_may_hold;
#[path = "template/a_type.ok.rs"]
mod template_a_type;
#[path = "template/an_argument_of_a_function_without.ok.rs"]
mod template_an_argument_of_a_function_without;
#[path = "template/an_empty_placeholder.ok.rs"]
mod template_an_empty_placeholder;
#[path = "template/an_empty_template.ok.rs"]
mod template_an_empty_template;
#[path = "template/an_expression.ok.rs"]
mod template_an_expression;
#[path = "template/an_index.ok.rs"]
mod template_an_index;
#[path = "template/an_unknown_argument.ok.rs"]
mod template_an_unknown_argument;
#[path = "template/braces_instead_of_brackets.ok.rs"]
mod template_braces_instead_of_brackets;
#[path = "template/braces_instead_of_brackets_with_a_field.ok.rs"]
mod template_braces_instead_of_brackets_with_a_field;
#[path = "template/braces_instead_of_brackets_with_a_method.ok.rs"]
mod template_braces_instead_of_brackets_with_a_method;
#[path = "template/characters_of_several_bytes.ok.rs"]
mod template_characters_of_several_bytes;
#[path = "template/control_characters.ok.rs"]
mod template_control_characters;
#[path = "template/every_mistake_of_a_template.ok.rs"]
mod template_every_mistake_of_a_template;
#[path = "template/nothing_between_two_placeholders.ok.rs"]
mod template_nothing_between_two_placeholders;
#[path = "template/self_of_a_function_without.ok.rs"]
mod template_self_of_a_function_without;
#[path = "template/space_in_a_placeholder.ok.rs"]
mod template_space_in_a_placeholder;
#[path = "template/three_placeholders_that_touch.ok.rs"]
mod template_three_placeholders_that_touch;

#[path = "times/a_bool.ok.rs"]
mod times_a_bool;
#[path = "times/a_capital_unit.ok.rs"]
mod times_a_capital_unit;
#[path = "times/a_character.ok.rs"]
mod times_a_character;
#[path = "times/a_fraction_in_a_string.ok.rs"]
mod times_a_fraction_in_a_string;
#[path = "times/a_negative_string.ok.rs"]
mod times_a_negative_string;
#[path = "times/a_suffix.ok.rs"]
mod times_a_suffix;
#[path = "times/a_unit_outside_of_a_string.ok.rs"]
mod times_a_unit_outside_of_a_string;
#[path = "times/a_unit_twice.ok.rs"]
mod times_a_unit_twice;
#[path = "times/an_empty_string.ok.rs"]
mod times_an_empty_string;
#[path = "times/an_expression_of_another_type.ok.rs"]
mod times_an_expression_of_another_type;
#[path = "times/an_unknown_unit.ok.rs"]
mod times_an_unknown_unit;
#[path = "times/below_a_millisecond.ok.rs"]
mod times_below_a_millisecond;
#[path = "times/lock_timeout_of_zero.ok.rs"]
mod times_lock_timeout_of_zero;
#[path = "times/lock_timeout_that_is_negative.ok.rs"]
mod times_lock_timeout_that_is_negative;
#[path = "times/lock_timeout_without_a_unit.ok.rs"]
mod times_lock_timeout_without_a_unit;
#[path = "times/longer_than_the_longest.ok.rs"]
mod times_longer_than_the_longest;
#[path = "times/negative.ok.rs"]
mod times_negative;
#[path = "times/negative_with_a_fraction.ok.rs"]
mod times_negative_with_a_fraction;
#[path = "times/no_number.ok.rs"]
mod times_no_number;
#[path = "times/no_unit.ok.rs"]
mod times_no_unit;
#[path = "times/not_a_finite_number.ok.rs"]
mod times_not_a_finite_number;
#[path = "times/too_long.ok.rs"]
mod times_too_long;
#[path = "times/too_long_in_a_string.ok.rs"]
mod times_too_long_in_a_string;
#[path = "times/units_out_of_order.ok.rs"]
mod times_units_out_of_order;
#[path = "times/wait_for_lock_that_is_a_bool.ok.rs"]
mod times_wait_for_lock_that_is_a_bool;
#[path = "times/wait_for_lock_that_is_negative.ok.rs"]
mod times_wait_for_lock_that_is_negative;
#[path = "times/wait_for_lock_that_is_too_long.ok.rs"]
mod times_wait_for_lock_that_is_too_long;
#[path = "times/zero.ok.rs"]
mod times_zero;
#[path = "times/zero_in_a_string.ok.rs"]
mod times_zero_in_a_string;
#[path = "times/zero_with_a_fraction.ok.rs"]
mod times_zero_with_a_fraction;

#[path = "lifetimes/a_negative_jitter.ok.rs"]
mod lifetimes_a_negative_jitter;
#[path = "lifetimes/jitter_above_one.ok.rs"]
mod lifetimes_jitter_above_one;
#[path = "lifetimes/negative_ttl_of_no_option.ok.rs"]
mod lifetimes_negative_ttl_of_no_option;
#[path = "lifetimes/negative_ttl_of_zero.ok.rs"]
mod lifetimes_negative_ttl_of_zero;
#[path = "lifetimes/ttl_and_ttl_of.ok.rs"]
mod lifetimes_ttl_and_ttl_of;
#[path = "lifetimes/ttl_of_a_number.ok.rs"]
mod lifetimes_ttl_of_a_number;
#[path = "lifetimes/ttl_of_another_type.ok.rs"]
mod lifetimes_ttl_of_another_type;
#[path = "lifetimes/ttl_of_that_captures.ok.rs"]
mod lifetimes_ttl_of_that_captures;
#[path = "lifetimes/ttl_of_that_gives_seconds.ok.rs"]
mod lifetimes_ttl_of_that_gives_seconds;
#[path = "lifetimes/ttl_of_without_a_value.ok.rs"]
mod lifetimes_ttl_of_without_a_value;

#[path = "stale/a_mistyped_window.ok.rs"]
mod stale_a_mistyped_window;
#[path = "stale/a_recompute_timeout_of_zero.ok.rs"]
mod stale_a_recompute_timeout_of_zero;
#[path = "stale/a_window_and_a_ttl_that_are_too_long_together.ok.rs"]
mod stale_a_window_and_a_ttl_that_are_too_long_together;
#[path = "stale/a_window_that_is_negative.ok.rs"]
mod stale_a_window_that_is_negative;
#[path = "stale/a_window_that_is_too_long.ok.rs"]
mod stale_a_window_that_is_too_long;
#[path = "stale/a_window_without_a_unit.ok.rs"]
mod stale_a_window_without_a_unit;
