#!/usr/bin/env node
// SPDX-License-Identifier: ISC
//
// What a chat server in JavaScript does to federate, and no more: send to a
// room, receive, acknowledge. It uses the package pg (Debian's node-pg, or npm
// install pg), and is a member of the role fed_app. The variables of libpq,
// PGHOST, PGDATABASE and PGUSER, name the database:
//
//	chat.js send ROOM HANDLE <ciphertext
//	chat.js receive [COUNT]
//
// send prints the message's id; receive prints what arrives, COUNT messages or
// for ever. Encryption is the clients' work; here bytes are passed on.
'use strict';

const fs = require('fs');
const { Client } = require('pg');

// Runs work(); what it did is committed or undone as a whole.
async function transaction(client, work) {
	await client.query('BEGIN');
	try {
		const result = await work();
		await client.query('COMMIT');
		return result;
	} catch (error) {
		await client.query('ROLLBACK');
		throw error;
	}
}

// A chat server stores its own row in the same transaction.
async function send(client, room, sender, content) {
	return transaction(client, async () => {
		const { rows } = await client.query(
		    'SELECT federation.room_send($1, $2, $3) AS id',
		    [room, sender, content]);
		return rows[0].id;
	});
}

// Shows what is in the inbox, each message once: show and the acknowledgement
// are one transaction. Returns how many were shown. This example drops messages
// outside rooms, and what is told of rooms and users.
async function receive(client, show) {
	return transaction(client, async () => {
		const { rows } = await client.query('SELECT inbox_id, origin, ' +
		    'type, payload FROM federation.inbox_claim()');
		let shown = 0;
		for (const row of rows) {
			const said = JSON.parse(row.payload);
			if (row.type !== 'message' || !said.globalRoomId)
				continue;
			show(said.globalRoomId,
			    `${said.senderId}@${row.origin}`,
			    Buffer.from(said.encryptedContent, 'base64'));
			shown++;
		}
		await client.query('SELECT federation.inbox_acknowledge($1)',
		    [rows.map((row) => row.inbox_id)]);
		return shown;
	});
}

async function main(command, ...rest) {
	const client = new Client();
	await client.connect();
	if (command === 'send') {
		console.log(await send(client, rest[0], rest[1],
		    fs.readFileSync(0)));
		return client.end();
	}
	let wake = () => {};
	client.on('notification', () => wake());
	await client.query('LISTEN federation_inbox');
	for (let left = Number(rest[0] || Infinity); left > 0;) {
		// What another worker had claimed when it died is not
		// notified again: look at least every 30 s.
		const woken = new Promise((resolve) => {
			const timer = setTimeout(resolve, 30000);
			wake = () => { clearTimeout(timer); resolve(); };
		});
		left -= await receive(client, (room, sender, content) =>
		    console.log(room, sender, content.toString('base64')));
		if (left > 0)
			await woken;
		else
			wake();
	}
	return client.end();
}

main(...process.argv.slice(2)).catch((error) => {
	console.error(`chat.js: ${error.message}`);
	process.exit(1);
});
