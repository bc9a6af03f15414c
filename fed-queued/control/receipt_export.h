/* SPDX-License-Identifier: ISC */
/* The receipt of one message as a document, for fedctl receipt export. */
#ifndef TORFED_CONTROL_RECEIPT_EXPORT_H
#define TORFED_CONTROL_RECEIPT_EXPORT_H

#include "control/control.h"

/* Arguments: message id, address or "". */
control_run receipt_export;

#endif
