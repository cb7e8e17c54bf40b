//go:build e2e

package e2e

import "testing"

// mariadbImage has a MariaDB server, whose user is 999.
const mariadbImage = "localhost/rescue-e2e-mariadb:dev"

// startMariaDB does what the image of the example does when it starts.
const startMariaDB = `
if [ ! -d /var/lib/mysql/mysql ]; then
  mariadb-install-db --no-defaults --datadir=/var/lib/mysql --auth-root-authentication-method=normal --skip-test-db
fi
cat > /tmp/init.sql <<SQL
DROP USER IF EXISTS root@'127.0.0.1', root@'::1';
CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;
SQL
exec mariadbd --no-defaults --datadir=/var/lib/mysql --socket=/tmp/mysql.sock --pid-file=/tmp/mysql.pid \
  --init-file=/tmp/init.sql --skip-name-resolve --event-scheduler=on
`

const fillMariaDB = `mysql --no-defaults --default-character-set=utf8mb4 -S /tmp/mysql.sock -u root <<'SQL'
CREATE DATABASE shop;
USE shop;
CREATE TABLE item (id int AUTO_INCREMENT PRIMARY KEY, name varchar(100) CHARACTER SET utf8mb4, raw blob) ENGINE=InnoDB;
INSERT INTO item (name, raw) SELECT CONCAT('item ', seq), UNHEX(MD5(seq)) FROM seq_1_to_3000;
INSERT INTO item (name, raw) VALUES ('quote '' back\\slash 🙂', X'00ff0a');
CREATE TABLE audit (n int);
CREATE TRIGGER count_items AFTER DELETE ON item FOR EACH ROW INSERT INTO audit VALUES (1);
CREATE PROCEDURE total() SELECT COUNT(*) FROM item;
CREATE EVENT nothing ON SCHEDULE EVERY 1 YEAR DO SELECT 1;
CREATE VIEW names AS SELECT name FROM item;
` + "CREATE DATABASE `odd ``name`; CREATE TABLE `odd ``name`.`a table` (t text); INSERT INTO `odd ``name`.`a table` VALUES ('x');" + `
CREATE USER app@'%' IDENTIFIED BY 'secret';
GRANT SELECT ON shop.* TO app@'%';
SQL
`

func TestExampleMySQL(t *testing.T) {
	t.Parallel()
	e := newExample(t, "mysql", server{mariadbImage, []string{"bash", "-euc", startMariaDB}})
	e.options = append(e.options, "image="+mariadbImage, "host="+e.address())
	e.exec(0, fillMariaDB)
	fingerprint := func() string {
		return e.exec(0, `
			dump() { mysqldump --no-defaults --default-character-set=utf8mb4 -S /tmp/mysql.sock -u root --skip-comments --skip-extended-insert --routines --events --hex-blob --databases "$@"; }
			mysql --no-defaults -S /tmp/mysql.sock -u root -N -e 'SHOW DATABASES; SHOW GRANTS FOR app'
			dump shop 'odd `+"`"+`name'`)
	}
	e.survives(3000, fingerprint, func() {
		e.exec(0, `mysql --no-defaults -S /tmp/mysql.sock -u root -e 'DROP VIEW shop.names; DELETE FROM shop.item WHERE id % 2; CREATE TABLE shop.younger (n int); REVOKE SELECT ON shop.* FROM app'`)
	})
}
