// SPDX-License-Identifier: ISC
//
// As much of the package pg as examples/javascript needs, for machines that do
// not have it: PostgreSQL's protocol 3.0 over a unix socket, without a
// password. Found through NODE_PATH, so that the real one comes first.
'use strict';

const { EventEmitter } = require('events');
const net = require('net');

const BYTEA = 17;

function message(type, ...parts) {
	const body = Buffer.concat(parts);
	const head = Buffer.alloc(type ? 5 : 4);
	if (type)
		head.write(type);
	head.writeInt32BE(body.length + 4, type ? 1 : 0);
	return Buffer.concat([head, body]);
}

function int16(value) {
	const bytes = Buffer.alloc(2);
	bytes.writeInt16BE(value);
	return bytes;
}

function int32(value) {
	const bytes = Buffer.alloc(4);
	bytes.writeInt32BE(value);
	return bytes;
}

function string(text) {
	return Buffer.from(`${text}\0`);
}

// A parameter in PostgreSQL's text form.
function parameter(value) {
	if (Buffer.isBuffer(value))
		value = `\\x${value.toString('hex')}`;
	else if (Array.isArray(value))
		value = `{${value.join(',')}}`;
	const bytes = Buffer.from(String(value));
	return Buffer.concat([int32(bytes.length), bytes]);
}

// The columns of a RowDescription: [[name, type]].
function description(body) {
	const columns = [];
	let at = 2;
	for (let left = body.readInt16BE(0); left > 0; left--) {
		const end = body.indexOf(0, at);
		columns.push([body.toString('utf8', at, end),
		    body.readInt32BE(end + 7)]);
		at = end + 19;
	}
	return columns;
}

function row(body, columns) {
	const found = {};
	let at = 2;
	for (const [name, type] of columns) {
		const length = body.readInt32BE(at);
		const text = body.toString('utf8', at + 4, at + 4 +
		    Math.max(length, 0));
		found[name] = length < 0 ? null : type === BYTEA ?
		    Buffer.from(text.slice(2), 'hex') : text;
		at += 4 + Math.max(length, 0);
	}
	return found;
}

// The text of an ErrorResponse.
function failure(body) {
	const fields = body.toString('utf8').split('\0');
	const error = new Error(fields.find((f) => f[0] === 'M').slice(1));
	error.code = fields.find((f) => f[0] === 'C').slice(1);
	return error;
}

class Client extends EventEmitter {
	connect() {
		this.rest = Buffer.alloc(0);
		this.socket = net.connect(`${process.env.PGHOST}/.s.PGSQL.5432`);
		this.socket.on('data', (data) => this.read(data));
		this.socket.on('error', (error) => this.done(error));
		const started = this.wait();
		this.socket.write(message('', int32(196608), string('user'),
		    string(process.env.PGUSER), string('database'),
		    string(process.env.PGDATABASE), Buffer.alloc(1)));
		return started;
	}

	wait() {
		this.rows = [];
		this.error = null;
		return new Promise((resolve, reject) => {
			this.done = (error) => error ? reject(error) :
			    resolve({ rows: this.rows });
		});
	}

	query(text, values = []) {
		const answer = this.wait();
		this.socket.write(Buffer.concat([
			message('P', string(''), string(text), int16(0)),
			message('B', string(''), string(''), int16(0),
			    int16(values.length), ...values.map(parameter),
			    int16(0)),
			message('D', Buffer.from('P\0')),
			message('E', string(''), int32(0)), message('S')]));
		return answer;
	}

	read(data) {
		this.rest = Buffer.concat([this.rest, data]);
		while (this.rest.length >= 5) {
			const length = this.rest.readInt32BE(1) + 1;
			if (this.rest.length < length)
				break;
			this.take(String.fromCharCode(this.rest[0]),
			    this.rest.subarray(5, length));
			this.rest = this.rest.subarray(length);
		}
	}

	take(type, body) {
		if (type === 'T')
			this.columns = description(body);
		else if (type === 'D')
			this.rows.push(row(body, this.columns));
		else if (type === 'E')
			this.error = failure(body);
		else if (type === 'A')
			this.emit('notification', {});
		else if (type === 'Z')
			this.done(this.error);
	}

	async end() {
		this.socket.end(message('X'));
	}
}

module.exports = { Client };
