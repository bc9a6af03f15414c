/* SPDX-License-Identifier: ISC */
/*
 * Between output.c, which keeps rows, and the forms they are printed in.
 */
#ifndef TORFED_FEDCTL_OUTPUT_FORM_H
#define TORFED_FEDCTL_OUTPUT_FORM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * A form. rows is an array of objects whose values are strings, integers,
 * booleans and nulls, in the order in which the fields came.
 */
struct output_form {
	void (*list)(FILE *, json_t *rows);
	void (*object)(FILE *, json_t *row);
};
extern const struct output_form output_form_text;
extern const struct output_form output_form_json;

#endif
