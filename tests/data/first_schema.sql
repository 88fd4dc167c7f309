BEGIN TRANSACTION;
CREATE TABLE measurements (
	id VARCHAR(20) NOT NULL, 
	recorded_at VARCHAR(32) NOT NULL, 
	suite TEXT, 
	"case" TEXT, 
	device TEXT NOT NULL, 
	family TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	status TEXT NOT NULL, 
	document TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE modelworth_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT modelworth_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "modelworth_version" VALUES('0001');
CREATE TABLE scenarios (
	hash VARCHAR(20) NOT NULL, 
	text TEXT NOT NULL, 
	saved_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (hash)
);
CREATE INDEX measurements_recorded_at ON measurements (recorded_at);
CREATE INDEX measurements_suite ON measurements (suite);
CREATE INDEX measurements_case ON measurements ("case");
CREATE INDEX measurements_device ON measurements (device);
CREATE INDEX measurements_family ON measurements (family);
CREATE INDEX measurements_kind ON measurements (kind);
CREATE INDEX measurements_status ON measurements (status);
CREATE TRIGGER measurements_no_update BEFORE UPDATE ON measurements BEGIN SELECT RAISE(ABORT, 'measurements are append-only'); END;
CREATE TRIGGER measurements_no_delete BEFORE DELETE ON measurements BEGIN SELECT RAISE(ABORT, 'measurements are append-only'); END;
CREATE TRIGGER scenarios_no_update BEFORE UPDATE ON scenarios BEGIN SELECT RAISE(ABORT, 'scenarios are append-only'); END;
CREATE TRIGGER scenarios_no_delete BEFORE DELETE ON scenarios BEGIN SELECT RAISE(ABORT, 'scenarios are append-only'); END;
COMMIT;
