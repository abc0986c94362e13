BEGIN TRANSACTION;
CREATE TABLE application_versions (
    version_id TEXT NOT NULL PRIMARY KEY,
    version_name TEXT NOT NULL UNIQUE,
    version_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL);
INSERT INTO "application_versions" VALUES('79f34cb4-80da-4eab-89b7-3a90226c5143','1',@-28.001ms@,@-28.001ms@,'overlaybot');
CREATE TABLE conversations (
	"key" VARCHAR(200) NOT NULL, 
	state TEXT, 
	data JSON, 
	PRIMARY KEY ("key")
);
INSERT INTO "conversations" VALUES('fsm:4242:111:111:default','Waiting:background','{"draft": "ToR6tIfhtd6v1Z05"}');
CREATE TABLE dbos_migrations (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO "dbos_migrations" VALUES(125);
CREATE TABLE draft_messages (
	chat BIGINT NOT NULL, 
	message BIGINT NOT NULL, 
	draft VARCHAR(32) NOT NULL, 
	seen DOUBLE NOT NULL, 
	PRIMARY KEY (chat, message)
);
INSERT INTO "draft_messages" VALUES(101,3,'2xmJrpTphnZIyW5A',@-27.096@);
INSERT INTO "draft_messages" VALUES(102,1,'RX1GgSBWXNp2PIfq',@-22.740@);
INSERT INTO "draft_messages" VALUES(103,1,'wy27gUgg-KF0PIyR',@-19.949@);
INSERT INTO "draft_messages" VALUES(104,1,'enn2U077KcBi-cLK',@-19.694@);
INSERT INTO "draft_messages" VALUES(105,1,'p_Y7ll5-Z7wLGVMh',@-16.753@);
INSERT INTO "draft_messages" VALUES(105,2,'wiygNQXgajNDvFJE',@-16.662@);
INSERT INTO "draft_messages" VALUES(110,1,'POxRjFVuJoQkXQe0',@-14.394@);
INSERT INTO "draft_messages" VALUES(111,1,'ToR6tIfhtd6v1Z05',@-13.915@);
INSERT INTO "draft_messages" VALUES(108,1,'CNZZ4HGbu2J4HoRE',@-13.508@);
INSERT INTO "draft_messages" VALUES(109,1,'n6V3ZRLPLjdxWB7d',@-13.084@);
INSERT INTO "draft_messages" VALUES(107,1,'sgfwZjKWOGEnBoGV',@-12.895@);
INSERT INTO "draft_messages" VALUES(106,1,'MCpaljvysNOeJDTc',@-12.740@);
INSERT INTO "draft_messages" VALUES(112,1,'hdmwZ2DDdOjYlEl8',@-12.496@);
CREATE TABLE drafts (
	id VARCHAR(32) NOT NULL, 
	user BIGINT NOT NULL, 
	chat BIGINT NOT NULL, 
	message BIGINT NOT NULL, 
	topic BIGINT, 
	language VARCHAR(8) NOT NULL, 
	clip JSON, 
	backgrounds JSON NOT NULL, 
	look JSON NOT NULL, 
	album VARCHAR(64), 
	note BIGINT, 
	card BIGINT, 
	used BOOLEAN NOT NULL, 
	created DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (chat, album)
);
INSERT INTO "drafts" VALUES('2xmJrpTphnZIyW5A',101,101,3,NULL,'ru','{"kind": "video", "file_id": "video-4wLq8cAGTfLU4s-hqXLIL6_u7FlpGo75", "link": "", "size": 20047, "seconds": 2.0}','[]','{"shape": "rounded", "corner": "bottom-right", "size": "large", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,4,5,1,@-27.096@);
INSERT INTO "drafts" VALUES('RX1GgSBWXNp2PIfq',102,102,1,NULL,'en','{"kind": "video", "file_id": "video-WaWZSdbNtuTTlXqovyClifBo01rajboA", "link": "", "size": 20047, "seconds": 2.0}','[]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,3,1,@-22.740@);
INSERT INTO "drafts" VALUES('wy27gUgg-KF0PIyR',103,103,1,NULL,'en','{"kind": "video", "file_id": "video-6r_zHX2zNXWjjD_6-ECbUplkTXo3xYE_", "link": "", "size": 20051, "seconds": 2.0}','[]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,3,1,@-19.949@);
INSERT INTO "drafts" VALUES('enn2U077KcBi-cLK',104,104,1,NULL,'en','{"kind": "video", "file_id": "video-5JarJMnxnqIr-sumZXvMTdlmb8aB2p0R", "link": "", "size": 20047, "seconds": 2.0}','[]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,3,1,@-19.694@);
INSERT INTO "drafts" VALUES('p_Y7ll5-Z7wLGVMh',105,105,1,NULL,'en','{"kind": "video", "file_id": "video--8Q4OFBuX_Vm8dEM1cNuX57ZNixia33L", "link": "", "size": 20050, "seconds": 2.0}','[{"kind": "photo", "file_id": "photo-DSYupjx4M6vIakLqFFaAHltsROiidFX6", "link": "", "size": 693, "seconds": null}]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "file", "colour": "#1d3557", "source": {"kind": "photo", "file_id": "photo-DSYupjx4M6vIakLqFFaAHltsROiidFX6", "link": "", "size": 693, "seconds": null}}, "engine": "mediapipe"}','8d03f2874bda366f',3,4,1,@-16.753@);
INSERT INTO "drafts" VALUES('POxRjFVuJoQkXQe0',110,110,1,NULL,'en','{"kind": "video", "file_id": "video-BfZ19yLNt0EFE8gpui8GmW_0pw-5ePiz", "link": "", "size": 20022, "seconds": 2.0}','[]','{"shape": "rect", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,3,0,@-14.394@);
INSERT INTO "drafts" VALUES('ToR6tIfhtd6v1Z05',111,111,1,NULL,'en','{"kind": "video", "file_id": "video-zdN7Wnx_J4TWhMQHdfUp-vyzaUHjN7ow", "link": "", "size": 20022, "seconds": 2.0}','[]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,3,0,@-13.915@);
INSERT INTO "drafts" VALUES('CNZZ4HGbu2J4HoRE',108,108,1,NULL,'en','{"kind": "video", "file_id": "video-NgvxDahcYV2BLLgoySINQ73ndcNIcXXV", "link": "", "size": 20022, "seconds": 2.0}','[]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,3,1,@-13.508@);
INSERT INTO "drafts" VALUES('n6V3ZRLPLjdxWB7d',109,109,1,NULL,'en','{"kind": "video", "file_id": "video-d0FTOgIgZRaVkIPAxgCPMPpu5u-t8ctd", "link": "", "size": 20022, "seconds": 2.0}','[]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,3,1,@-13.084@);
INSERT INTO "drafts" VALUES('sgfwZjKWOGEnBoGV',107,107,1,NULL,'en','{"kind": "video", "file_id": "video-Kp7YCd2z0bNJ8NQZ9nyhWkQ32c3zZ3Jp", "link": "", "size": 20054, "seconds": 2.0}','[]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,3,1,@-12.895@);
INSERT INTO "drafts" VALUES('MCpaljvysNOeJDTc',106,106,1,NULL,'en','{"kind": "video", "file_id": "video-sFjUz-nmvJoCsCBrqG0YX2-wULE1lLRr", "link": "", "size": 20048, "seconds": 2.0}','[]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,3,1,@-12.740@);
INSERT INTO "drafts" VALUES('hdmwZ2DDdOjYlEl8',112,112,1,NULL,'en','{"kind": "video", "file_id": "video-37QzA8m65bXZpPE05kUjpudkj8L2CghK", "link": "", "size": 20050, "seconds": 2.0}','[]','{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}',NULL,2,NULL,0,@-12.496@);
CREATE TABLE jobs (
	id VARCHAR(32) NOT NULL, 
	origin VARCHAR(128) NOT NULL, 
	user BIGINT NOT NULL, 
	chat BIGINT NOT NULL, 
	topic BIGINT, 
	reply_to BIGINT, 
	language VARCHAR(8) NOT NULL, 
	"order" JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	stage VARCHAR(16) NOT NULL, 
	status BIGINT, 
	cancelled BOOLEAN NOT NULL, 
	attempts INTEGER NOT NULL, 
	deaths INTEGER NOT NULL, 
	furthest VARCHAR(32) NOT NULL, 
	due DOUBLE NOT NULL, 
	pauses INTEGER NOT NULL, 
	created DOUBLE NOT NULL, 
	started DOUBLE, 
	parked DOUBLE, 
	ended DOUBLE, 
	fault VARCHAR(64), 
	result BIGINT, 
	file_id TEXT, 
	told BOOLEAN NOT NULL, 
	noticed DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (origin)
);
INSERT INTO "jobs" VALUES('6fngQF89AbVKcqQi','draft:2xmJrpTphnZIyW5A',101,101,NULL,3,'ru','{"clip": {"kind": "video", "file_id": "video-4wLq8cAGTfLU4s-hqXLIL6_u7FlpGo75", "link": "", "size": 20047, "seconds": 2.0}, "look": {"shape": "rounded", "corner": "bottom-right", "size": "large", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}','done','deliver',NULL,0,0,0,'4:00',0.0,0,@-25.611@,@-25.565@,NULL,@-22.864@,NULL,7,'video-cMoWvJmrWb_Up5wdB7no5P71BrF0Rgj-',0,0.0);
INSERT INTO "jobs" VALUES('pc5t49sir4qiBpdy','draft:RX1GgSBWXNp2PIfq',102,102,NULL,1,'en','{"clip": {"kind": "video", "file_id": "video-WaWZSdbNtuTTlXqovyClifBo01rajboA", "link": "", "size": 20047, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}','running','deliver',4,0,0,0,'4:00',0.0,0,@-22.553@,@-22.519@,NULL,NULL,NULL,5,'video-mRumDLcWsxI8f0gYoy7SO86CAa6HAx5H',0,0.0);
INSERT INTO "jobs" VALUES('vozzRazgpqbYLgk1','draft:wy27gUgg-KF0PIyR',103,103,NULL,1,'en','{"clip": {"kind": "video", "file_id": "video-6r_zHX2zNXWjjD_6-ECbUplkTXo3xYE_", "link": "", "size": 20051, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}','running','plan',4,1,0,0,'1:00',0.0,0,@-19.791@,@-19.759@,NULL,NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('JKk8TITBfnaCXBAo','draft:enn2U077KcBi-cLK',104,104,NULL,1,'en','{"clip": {"kind": "video", "file_id": "video-5JarJMnxnqIr-sumZXvMTdlmb8aB2p0R", "link": "", "size": 20047, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}','running','deliver',4,0,0,0,'4:00',0.0,0,@-19.458@,@-19.448@,NULL,NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('Mhi5bkpGty6-FaC8','draft:p_Y7ll5-Z7wLGVMh',105,105,NULL,1,'en','{"clip": {"kind": "video", "file_id": "video--8Q4OFBuX_Vm8dEM1cNuX57ZNixia33L", "link": "", "size": 20050, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "file", "colour": "#1d3557", "source": {"kind": "photo", "file_id": "photo-DSYupjx4M6vIakLqFFaAHltsROiidFX6", "link": "", "size": 693, "seconds": null}}, "engine": "mediapipe"}, "form": "video", "mattes": null}','running','compose',5,0,0,0,'3:00',0.0,0,@-15.070@,@-15.058@,NULL,NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('rgZZ8Neg0_R0c-BB','draft:MCpaljvysNOeJDTc',106,106,NULL,1,'en','{"clip": {"kind": "video", "file_id": "video-sFjUz-nmvJoCsCBrqG0YX2-wULE1lLRr", "link": "", "size": 20048, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}','running','mattes',4,0,0,0,'2:06',0.0,0,@-12.475@,@-12.463@,NULL,NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('I-RcnmHgp5SDSFIz','draft:sgfwZjKWOGEnBoGV',107,107,NULL,1,'en','{"clip": {"kind": "video", "file_id": "video-Kp7YCd2z0bNJ8NQZ9nyhWkQ32c3zZ3Jp", "link": "", "size": 20054, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}','parked','mattes',4,0,0,0,'2:00',@3.569@,1,@-12.211@,@-12.200@,@-11.431@,NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('b-8J8MGe4nY-L5QJ','draft:CNZZ4HGbu2J4HoRE',108,108,NULL,1,'en','{"clip": {"kind": "video", "file_id": "video-NgvxDahcYV2BLLgoySINQ73ndcNIcXXV", "link": "", "size": 20022, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}','running','fetch',4,0,0,0,'0:00',0.0,0,@-11.394@,@-11.352@,NULL,NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('D_z1utoI4SGGpkYO','draft:n6V3ZRLPLjdxWB7d',109,109,NULL,1,'en','{"clip": {"kind": "video", "file_id": "video-d0FTOgIgZRaVkIPAxgCPMPpu5u-t8ctd", "link": "", "size": 20022, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}','waiting','',4,0,0,0,'',0.0,0,@-11.318@,NULL,NULL,NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('V3j0fB1Ioq6k2_VG','form:6fngQF89AbVKcqQi:video:d8e6e0f366817c32',101,101,NULL,3,'ru','{"clip": {"kind": "video", "file_id": "video-4wLq8cAGTfLU4s-hqXLIL6_u7FlpGo75", "link": "", "size": 20047, "seconds": 2.0}, "look": {"shape": "rounded", "corner": "top-left", "size": "large", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": "6fngQF89AbVKcqQi"}','waiting','',NULL,0,0,0,'',0.0,0,@-11.259@,NULL,NULL,NULL,NULL,NULL,NULL,0,0.0);
CREATE TABLE knobs (
	"key" VARCHAR(64) NOT NULL, 
	value JSON NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "knobs" VALUES('places','{"names": ["modal", "local-cpu"], "off": ["modal"]}');
CREATE TABLE measures (
	id INTEGER NOT NULL, 
	job VARCHAR(32) NOT NULL, 
	stage VARCHAR(16) NOT NULL, 
	place TEXT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	dollars DOUBLE NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "measures" VALUES(1,'6fngQF89AbVKcqQi','plan','local',1.02294536000044899992e-01,0.0,@-25.425@);
INSERT INTO "measures" VALUES(2,'6fngQF89AbVKcqQi','mattes','local-cpu',2.11722675600003640283e+00,0.0,@-23.286@);
INSERT INTO "measures" VALUES(3,'6fngQF89AbVKcqQi','compose','local',2.32741204999911133199e-01,0.0,@-22.992@);
INSERT INTO "measures" VALUES(4,'6fngQF89AbVKcqQi','deliver','telegram',3.70665280001958308275e-02,0.0,@-22.915@);
INSERT INTO "measures" VALUES(5,'pc5t49sir4qiBpdy','plan','local',1.5719992499998625135e-01,0.0,@-22.314@);
INSERT INTO "measures" VALUES(6,'pc5t49sir4qiBpdy','mattes','local-cpu',2.10483110099994519259e+00,0.0,@-20.180@);
INSERT INTO "measures" VALUES(7,'pc5t49sir4qiBpdy','compose','local',1.55237440999826503684e-01,0.0,@-19.983@);
INSERT INTO "measures" VALUES(8,'vozzRazgpqbYLgk1','plan','local',6.86003299997537396848e-02,0.0,@-19.651@);
INSERT INTO "measures" VALUES(9,'JKk8TITBfnaCXBAo','plan','local',2.60470187999999325256e-01,0.0,@-19.168@);
INSERT INTO "measures" VALUES(10,'JKk8TITBfnaCXBAo','mattes','local-cpu',2.13124657599973943433e+00,0.0,@-17.027@);
INSERT INTO "measures" VALUES(11,'JKk8TITBfnaCXBAo','compose','local',1.2342008299992812681e-01,0.0,@-16.836@);
INSERT INTO "measures" VALUES(12,'Mhi5bkpGty6-FaC8','plan','local',2.13853816000209917547e-01,0.0,@-14.826@);
INSERT INTO "measures" VALUES(13,'Mhi5bkpGty6-FaC8','mattes','local-cpu',1.525960799999666051e-01,0.0,@-14.624@);
INSERT INTO "measures" VALUES(14,'rgZZ8Neg0_R0c-BB','plan','local',2.11645115000010264338e-01,0.0,@-12.232@);
INSERT INTO "measures" VALUES(15,'I-RcnmHgp5SDSFIz','plan','local',2.71025255000040488084e-01,0.0,@-11.913@);
INSERT INTO "measures" VALUES(16,'I-RcnmHgp5SDSFIz','mattes','local-cpu',4.30404099000043061096e-01,0.0,@-11.441@);
CREATE TABLE notifications (
    message_uuid TEXT NOT NULL DEFAULT (hex(randomblob(16))) PRIMARY KEY,
    destination_uuid TEXT NOT NULL,
    topic TEXT,
    message TEXT NOT NULL,
    created_at_epoch_ms INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000), "serialization" TEXT DEFAULT NULL, "consumed" BOOLEAN NOT NULL DEFAULT FALSE, consumed_by_function_id INTEGER,
    FOREIGN KEY (destination_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE "operation_outputs" (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    function_name TEXT NOT NULL DEFAULT '',
    output TEXT,
    error TEXT,
    child_workflow_id TEXT,
    started_at_epoch_ms INTEGER,
    completed_at_epoch_ms INTEGER,
    serialization TEXT,
    application_name TEXT DEFAULT NULL,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    PRIMARY KEY (workflow_uuid, function_id)
);
INSERT INTO "operation_outputs" VALUES('6fngQF89AbVKcqQi',1,'Jobs.fetch','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-25.580ms@,@-25.549ms@,'py_pickle','overlaybot',@-26.001ms@);
INSERT INTO "operation_outputs" VALUES('6fngQF89AbVKcqQi',2,'Jobs.plan','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-25.536ms@,@-25.423ms@,'py_pickle','overlaybot',@-26.001ms@);
INSERT INTO "operation_outputs" VALUES('6fngQF89AbVKcqQi',3,'Jobs.mattes','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-25.419ms@,@-23.284ms@,'py_pickle','overlaybot',@-24.001ms@);
INSERT INTO "operation_outputs" VALUES('6fngQF89AbVKcqQi',4,'Jobs.compose','gASVYwAAAAAAAAB9lCiMBGtpbmSUjARtYWRllIwFd2lkdGiUTUABjAZoZWlnaHSUTUABjAdzZWNvbmRzlEdAAAAAAAAAAIwIcmVuZGVyZXKUjAVsb2NhbJSMB2RvbGxhcnOURwAAAAAAAAAAdS4=',NULL,NULL,@-23.278ms@,@-22.977ms@,'py_pickle','overlaybot',@-23.001ms@);
INSERT INTO "operation_outputs" VALUES('6fngQF89AbVKcqQi',5,'Jobs.deliver','gASVVwAAAAAAAAB9lCiMBGtpbmSUjAlkZWxpdmVyZWSUjAdtZXNzYWdllEsHjAdmaWxlX2lklIwmdmlkZW8tY01vV3ZKbXJXYl9VcDV3ZEI3bm81UDcxQnJGMFJnai2UdS4=',NULL,NULL,@-22.974ms@,@-22.910ms@,'py_pickle','overlaybot',@-23.001ms@);
INSERT INTO "operation_outputs" VALUES('6fngQF89AbVKcqQi',6,'Jobs.tell','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-22.899ms@,@-22.889ms@,'py_pickle','overlaybot',@-23.001ms@);
INSERT INTO "operation_outputs" VALUES('6fngQF89AbVKcqQi',7,'Jobs.close','gAROLg==',NULL,NULL,@-22.884ms@,@-22.849ms@,'py_pickle','overlaybot',@-23.001ms@);
INSERT INTO "operation_outputs" VALUES('pc5t49sir4qiBpdy',1,'Jobs.fetch','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-22.525ms@,@-22.504ms@,'py_pickle','overlaybot',@-23.001ms@);
INSERT INTO "operation_outputs" VALUES('pc5t49sir4qiBpdy',2,'Jobs.plan','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-22.480ms@,@-22.309ms@,'py_pickle','overlaybot',@-23.001ms@);
INSERT INTO "operation_outputs" VALUES('pc5t49sir4qiBpdy',3,'Jobs.mattes','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-22.305ms@,@-20.176ms@,'py_pickle','overlaybot',@-21.001ms@);
INSERT INTO "operation_outputs" VALUES('pc5t49sir4qiBpdy',4,'Jobs.compose','gASVYwAAAAAAAAB9lCiMBGtpbmSUjARtYWRllIwFd2lkdGiUTUABjAZoZWlnaHSUTUABjAdzZWNvbmRzlEdAAAAAAAAAAIwIcmVuZGVyZXKUjAVsb2NhbJSMB2RvbGxhcnOURwAAAAAAAAAAdS4=',NULL,NULL,@-20.173ms@,@-19.982ms@,'py_pickle','overlaybot',@-20.001ms@);
INSERT INTO "operation_outputs" VALUES('pc5t49sir4qiBpdy',5,'Jobs.deliver','gASVVwAAAAAAAAB9lCiMBGtpbmSUjAlkZWxpdmVyZWSUjAdtZXNzYWdllEsFjAdmaWxlX2lklIwmdmlkZW8tbVJ1bURMY1dzeEk4ZjBnWW95N1NPODZDQWE2SEF4NUiUdS4=',NULL,NULL,@-19.980ms@,@-19.963ms@,'py_pickle','overlaybot',@-20.001ms@);
INSERT INTO "operation_outputs" VALUES('pc5t49sir4qiBpdy',6,'Jobs.tell','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-19.961ms@,@-19.959ms@,'py_pickle','overlaybot',@-20.001ms@);
INSERT INTO "operation_outputs" VALUES('vozzRazgpqbYLgk1',1,'Jobs.fetch','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-19.771ms@,@-19.744ms@,'py_pickle','overlaybot',@-20.001ms@);
INSERT INTO "operation_outputs" VALUES('vozzRazgpqbYLgk1',2,'Jobs.plan','gASVFQAAAAAAAAB9lIwEa2luZJSMB3N0b3BwZWSUcy4=',NULL,NULL,@-19.737ms@,@-19.640ms@,'py_pickle','overlaybot',@-20.001ms@);
INSERT INTO "operation_outputs" VALUES('JKk8TITBfnaCXBAo',1,'Jobs.fetch','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-19.452ms@,@-19.444ms@,'py_pickle','overlaybot',@-20.001ms@);
INSERT INTO "operation_outputs" VALUES('JKk8TITBfnaCXBAo',2,'Jobs.plan','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-19.433ms@,@-19.167ms@,'py_pickle','overlaybot',@-20.001ms@);
INSERT INTO "operation_outputs" VALUES('JKk8TITBfnaCXBAo',3,'Jobs.mattes','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-19.165ms@,@-17.025ms@,'py_pickle','overlaybot',@-18.001ms@);
INSERT INTO "operation_outputs" VALUES('JKk8TITBfnaCXBAo',4,'Jobs.compose','gASVYwAAAAAAAAB9lCiMBGtpbmSUjARtYWRllIwFd2lkdGiUTUABjAZoZWlnaHSUTUABjAdzZWNvbmRzlEdAAAAAAAAAAIwIcmVuZGVyZXKUjAVsb2NhbJSMB2RvbGxhcnOURwAAAAAAAAAAdS4=',NULL,NULL,@-17.021ms@,@-16.830ms@,'py_pickle','overlaybot',@-17.001ms@);
INSERT INTO "operation_outputs" VALUES('Mhi5bkpGty6-FaC8',1,'Jobs.fetch','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-15.062ms@,@-15.051ms@,'py_pickle','overlaybot',@-16.001ms@);
INSERT INTO "operation_outputs" VALUES('Mhi5bkpGty6-FaC8',2,'Jobs.plan','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-15.044ms@,@-14.817ms@,'py_pickle','overlaybot',@-15.001ms@);
INSERT INTO "operation_outputs" VALUES('Mhi5bkpGty6-FaC8',3,'Jobs.mattes','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-14.814ms@,@-14.583ms@,'py_pickle','overlaybot',@-15.001ms@);
INSERT INTO "operation_outputs" VALUES('rgZZ8Neg0_R0c-BB',1,'Jobs.fetch','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-12.468ms@,@-12.457ms@,'py_pickle','overlaybot',@-13.001ms@);
INSERT INTO "operation_outputs" VALUES('rgZZ8Neg0_R0c-BB',2,'Jobs.plan','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-12.448ms@,@-12.231ms@,'py_pickle','overlaybot',@-13.001ms@);
INSERT INTO "operation_outputs" VALUES('I-RcnmHgp5SDSFIz',1,'Jobs.fetch','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-12.204ms@,@-12.194ms@,'py_pickle','overlaybot',@-13.001ms@);
INSERT INTO "operation_outputs" VALUES('I-RcnmHgp5SDSFIz',2,'Jobs.plan','gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=',NULL,NULL,@-12.189ms@,@-11.906ms@,'py_pickle','overlaybot',@-12.001ms@);
INSERT INTO "operation_outputs" VALUES('I-RcnmHgp5SDSFIz',3,'Jobs.mattes','gASVNgAAAAAAAAB9lCiMBGtpbmSUjAVsYXRlcpSMB3NlY29uZHOUR0AuAAAAAAAAjAN3aHmUjAZub2JvZHmUdS4=',NULL,NULL,@-11.893ms@,@-11.417ms@,'py_pickle','overlaybot',@-12.001ms@);
CREATE TABLE people (
	user BIGINT NOT NULL, 
	language VARCHAR(8), 
	look JSON, 
	PRIMARY KEY (user)
);
INSERT INTO "people" VALUES(101,'ru','{"shape": "rounded", "corner": "bottom-right", "size": "large", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO "people" VALUES(102,NULL,'{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO "people" VALUES(103,NULL,'{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO "people" VALUES(104,NULL,'{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO "people" VALUES(105,NULL,'{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "file", "colour": "#1d3557", "source": {"kind": "photo", "file_id": "photo-DSYupjx4M6vIakLqFFaAHltsROiidFX6", "link": "", "size": 693, "seconds": null}}, "engine": "mediapipe"}');
INSERT INTO "people" VALUES(110,NULL,'{"shape": "rect", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO "people" VALUES(106,NULL,'{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO "people" VALUES(107,NULL,'{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO "people" VALUES(108,NULL,'{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO "people" VALUES(109,NULL,'{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
CREATE TABLE queues (
    queue_id TEXT PRIMARY KEY DEFAULT (hex(randomblob(16))),
    name TEXT NOT NULL UNIQUE,
    concurrency INTEGER,
    worker_concurrency INTEGER,
    rate_limit_max INTEGER,
    rate_limit_period_sec REAL,
    priority_enabled BOOLEAN NOT NULL DEFAULT FALSE,
    partition_queue BOOLEAN NOT NULL DEFAULT FALSE,
    polling_interval_sec REAL NOT NULL DEFAULT 1.0,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL, "partition_concurrency" INTEGER DEFAULT NULL, "partition_worker_concurrency" INTEGER DEFAULT NULL, "partition_rate_limit_max" INTEGER DEFAULT NULL, "partition_rate_limit_period_sec" REAL DEFAULT NULL);
CREATE TABLE schema_version (
	only INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (only)
);
INSERT INTO "schema_version" VALUES(1,1);
CREATE TABLE streams (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    "offset" INTEGER NOT NULL, function_id INTEGER NOT NULL DEFAULT 0, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key, "offset"),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events_history (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, function_id, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid)
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_input (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    inputs TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_input" VALUES('6fngQF89AbVKcqQi','gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBA2Zm5nUUY4OUFiVktjcVFplIWUjAZrd2FyZ3OUfZR1Lg==',@-26.001ms@);
INSERT INTO "workflow_input" VALUES('pc5t49sir4qiBpdy','gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBwYzV0NDlzaXI0cWlCcGR5lIWUjAZrd2FyZ3OUfZR1Lg==',@-23.001ms@);
INSERT INTO "workflow_input" VALUES('vozzRazgpqbYLgk1','gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBB2b3p6UmF6Z3BxYllMZ2sxlIWUjAZrd2FyZ3OUfZR1Lg==',@-20.001ms@);
INSERT INTO "workflow_input" VALUES('JKk8TITBfnaCXBAo','gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBKS2s4VElUQmZuYUNYQkFvlIWUjAZrd2FyZ3OUfZR1Lg==',@-20.001ms@);
INSERT INTO "workflow_input" VALUES('Mhi5bkpGty6-FaC8','gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBNaGk1YmtwR3R5Ni1GYUM4lIWUjAZrd2FyZ3OUfZR1Lg==',@-16.001ms@);
INSERT INTO "workflow_input" VALUES('rgZZ8Neg0_R0c-BB','gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBByZ1paOE5lZzBfUjBjLUJClIWUjAZrd2FyZ3OUfZR1Lg==',@-13.001ms@);
INSERT INTO "workflow_input" VALUES('I-RcnmHgp5SDSFIz','gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBJLVJjbm1IZ3A1U0RTRkl6lIWUjAZrd2FyZ3OUfZR1Lg==',@-13.001ms@);
INSERT INTO "workflow_input" VALUES('b-8J8MGe4nY-L5QJ','gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBiLThKOE1HZTRuWS1MNVFKlIWUjAZrd2FyZ3OUfZR1Lg==',@-12.001ms@);
CREATE TABLE workflow_output (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    output TEXT,
    error TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_output" VALUES('6fngQF89AbVKcqQi','gAROLg==',NULL,@-23.001ms@);
CREATE TABLE workflow_schedules (
    schedule_id TEXT PRIMARY KEY,
    schedule_name TEXT NOT NULL UNIQUE,
    workflow_name TEXT NOT NULL,
    workflow_class_name TEXT,
    schedule TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'ACTIVE',
    context TEXT NOT NULL
, "last_fired_at" TEXT DEFAULT NULL, "automatic_backfill" BOOLEAN NOT NULL DEFAULT FALSE, "cron_timezone" TEXT DEFAULT NULL, "queue_name" TEXT DEFAULT NULL, "application_name" TEXT DEFAULT NULL);
CREATE TABLE workflow_status (
    workflow_uuid TEXT PRIMARY KEY,
    status TEXT,
    name TEXT,
    authenticated_user TEXT,
    assumed_role TEXT,
    authenticated_roles TEXT,
    request TEXT,
    output TEXT,
    error TEXT,
    executor_id TEXT,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    application_version TEXT,
    application_id TEXT,
    class_name TEXT DEFAULT NULL,
    config_name TEXT DEFAULT NULL,
    recovery_attempts INTEGER DEFAULT 0,
    queue_name TEXT,
    workflow_timeout_ms INTEGER,
    workflow_deadline_epoch_ms INTEGER,
    inputs TEXT,
    started_at_epoch_ms INTEGER,
    deduplication_id TEXT,
    priority INTEGER NOT NULL DEFAULT 0
, queue_partition_key TEXT, forked_from TEXT, "owner_xid" TEXT DEFAULT NULL, "parent_workflow_id" TEXT DEFAULT NULL, "serialization" TEXT DEFAULT NULL, "delay_until_epoch_ms" BIGINT DEFAULT NULL, "was_forked_from" BOOLEAN NOT NULL DEFAULT FALSE, "rate_limited" BOOLEAN NOT NULL DEFAULT FALSE, "completed_at" BIGINT, "attributes" TEXT, "schedule_name" TEXT, "debounce_deadline_epoch_ms" BIGINT DEFAULT NULL, "is_debounced" BOOLEAN NOT NULL DEFAULT FALSE, "application_name" TEXT DEFAULT NULL, "creator_xid" TEXT DEFAULT NULL);
INSERT INTO "workflow_status" VALUES('6fngQF89AbVKcqQi','SUCCESS','Jobs.run',NULL,NULL,NULL,NULL,NULL,NULL,'bot',@-26.001ms@,@-23.001ms@,'1','','Jobs','jobs',1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,'py_pickle',NULL,0,0,@-23.001ms@,'null',NULL,NULL,0,'overlaybot','8cd61cbd-f8bd-4769-9253-bc35c23a57a7');
INSERT INTO "workflow_status" VALUES('pc5t49sir4qiBpdy','PENDING','Jobs.run',NULL,NULL,NULL,NULL,NULL,NULL,'bot',@-23.001ms@,@-23.001ms@,'1','','Jobs','jobs',1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'47668916-6fa0-452a-8cf7-53bf7a6db4d4',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'overlaybot','47668916-6fa0-452a-8cf7-53bf7a6db4d4');
INSERT INTO "workflow_status" VALUES('vozzRazgpqbYLgk1','PENDING','Jobs.run',NULL,NULL,NULL,NULL,NULL,NULL,'bot',@-20.001ms@,@-20.001ms@,'1','','Jobs','jobs',1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'ffdb6835-c449-4000-95ce-d0f1a8ba5ce1',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'overlaybot','ffdb6835-c449-4000-95ce-d0f1a8ba5ce1');
INSERT INTO "workflow_status" VALUES('JKk8TITBfnaCXBAo','PENDING','Jobs.run',NULL,NULL,NULL,NULL,NULL,NULL,'bot',@-20.001ms@,@-20.001ms@,'1','','Jobs','jobs',1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'ca612899-5a6e-4a87-9c16-5d6d7f39cfda',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'overlaybot','ca612899-5a6e-4a87-9c16-5d6d7f39cfda');
INSERT INTO "workflow_status" VALUES('Mhi5bkpGty6-FaC8','PENDING','Jobs.run',NULL,NULL,NULL,NULL,NULL,NULL,'bot',@-16.001ms@,@-16.001ms@,'1','','Jobs','jobs',1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'c48a591b-b0d5-4e7d-80b0-073924af6078',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'overlaybot','c48a591b-b0d5-4e7d-80b0-073924af6078');
INSERT INTO "workflow_status" VALUES('rgZZ8Neg0_R0c-BB','PENDING','Jobs.run',NULL,NULL,NULL,NULL,NULL,NULL,'bot',@-13.001ms@,@-13.001ms@,'1','','Jobs','jobs',1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'1d2ab006-3556-462f-a3ad-980d8403712d',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'overlaybot','1d2ab006-3556-462f-a3ad-980d8403712d');
INSERT INTO "workflow_status" VALUES('I-RcnmHgp5SDSFIz','PENDING','Jobs.run',NULL,NULL,NULL,NULL,NULL,NULL,'bot',@-13.001ms@,@-13.001ms@,'1','','Jobs','jobs',1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'763914b9-24e1-414c-8fe2-e77ff85bfc96',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'overlaybot','763914b9-24e1-414c-8fe2-e77ff85bfc96');
INSERT INTO "workflow_status" VALUES('b-8J8MGe4nY-L5QJ','PENDING','Jobs.run',NULL,NULL,NULL,NULL,NULL,NULL,'bot',@-12.001ms@,@-12.001ms@,'1','','Jobs','jobs',1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'47af86f4-7ace-4891-8f4c-2dc4544c9230',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'overlaybot','47af86f4-7ace-4891-8f4c-2dc4544c9230');
CREATE INDEX ix_drafts_user ON drafts (user);
CREATE INDEX ix_draft_messages_seen ON draft_messages (seen);
CREATE INDEX ix_jobs_user ON jobs (user);
CREATE INDEX ix_jobs_state ON jobs (state);
CREATE INDEX ix_measures_at ON measures (at);
CREATE INDEX ix_measures_job ON measures (job);
CREATE INDEX workflow_status_created_at_index ON workflow_status (created_at);
CREATE INDEX idx_workflow_topic ON notifications (destination_uuid, topic);
CREATE INDEX "idx_workflow_status_delayed" ON "workflow_status" ("delay_until_epoch_ms") WHERE status = 'DELAYED';
CREATE INDEX "idx_workflow_status_forked_from" ON "workflow_status" ("forked_from") WHERE "forked_from" IS NOT NULL;
CREATE INDEX "idx_workflow_status_parent_workflow_id" ON "workflow_status" ("parent_workflow_id") WHERE "parent_workflow_id" IS NOT NULL;
CREATE UNIQUE INDEX "uq_workflow_status_dedup_id" ON "workflow_status" ("queue_name", "deduplication_id") WHERE "deduplication_id" IS NOT NULL;
CREATE INDEX "idx_workflow_status_pending" ON "workflow_status" ("created_at") WHERE "status" = 'PENDING';
CREATE INDEX "idx_workflow_status_failed" ON "workflow_status" ("status", "created_at") WHERE "status" IN ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');
CREATE INDEX "idx_workflow_status_rate_limited" ON "workflow_status" ("queue_name", "started_at_epoch_ms") WHERE "rate_limited" = TRUE;
CREATE INDEX "idx_workflow_status_completed_at" ON "workflow_status" ("completed_at") WHERE "completed_at" IS NOT NULL;
CREATE INDEX "idx_workflow_status_started_at" ON "workflow_status" ("started_at_epoch_ms") WHERE "started_at_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_workflow_status_schedule_name" ON "workflow_status" ("schedule_name") WHERE "schedule_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_owner_version"
    ON application_versions ("application_name", "version_name")
    WHERE "application_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_unclaimed_version"
    ON application_versions ("version_name")
    WHERE "application_name" IS NULL;
CREATE INDEX idx_workflow_input_retention
    ON workflow_input (retention_timestamp);
CREATE INDEX idx_workflow_output_retention
    ON workflow_output (retention_timestamp);
CREATE INDEX idx_operation_outputs_retention
    ON operation_outputs (retention_timestamp);
CREATE INDEX "idx_workflow_status_in_flight_v2" ON "workflow_status" ("queue_name", "status", "priority", "created_at", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING');
CREATE INDEX "idx_workflow_status_partition_dequeue_v3" ON "workflow_status" ("queue_name", "status", "queue_partition_key", "priority", "created_at", "workflow_uuid", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING') AND "queue_partition_key" IS NOT NULL;
CREATE INDEX "idx_operation_outputs_completed_at_function_name_v2" ON "operation_outputs" ("completed_at_epoch_ms", "function_name", "application_name");
CREATE INDEX "idx_workflow_status_deadline" ON "workflow_status" ("workflow_deadline_epoch_ms") WHERE "status" IN ('ENQUEUED', 'PENDING', 'DELAYED') AND "workflow_deadline_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_application_versions_timestamp" ON "application_versions" ("version_timestamp" DESC);
CREATE INDEX "idx_application_versions_owner_timestamp" ON "application_versions" ("application_name", "version_timestamp" DESC);
COMMIT;
