"""What holds only where a dump was made is taken out of it, and never out of rows or bodies."""

from flask_slipway.server.database import dump_lines

MINE, OTHER = "`bob`@`%`", "`root`@`local``host`"
TABLE = """\
-- Table structure for table `t`
CREATE TABLE `t` (
  `id` int NOT NULL COMMENT '/*!50013 DEFINER=`x`@`y` */',
  CONSTRAINT `fk` FOREIGN KEY (`id`) REFERENCES `p` (`id`),
  CONSTRAINT `pos` CHECK ((`id` > 0))
) ENGINE=InnoDB;
-- Dumping data for table `t`
INSERT INTO `t` VALUES
(1,'CREATE DEFINER=`root`@`x` '),
(2,'ALTER DATABASE `live` x');
"""
DEFINED = """\
ALTER DATABASE `live` CHARACTER SET latin1 COLLATE latin1_bin ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=%s*/ /*!50003 TRIGGER `g` BEFORE INSERT ON `t` FOR EACH ROW BEGIN
CREATE DEFINER=`root`@`x` VIEW v AS SELECT 1;
ALTER DATABASE `live` x;
-- Table structure for table `t`
END */;;
DELIMITER ;
-- Dumping routines for database 'live'
DELIMITER ;;
CREATE DEFINER=%s PROCEDURE `p`()
BEGIN
/*!50013 DEFINER=`root`@`x` */
END ;;
DELIMITER ;
-- Final view structure for view `v`
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=%s SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select 'CREATE DEFINER=`root`@`x`' */;
"""
EVENTS = """\
-- Dumping events for database 'live'
DELIMITER ;;
ALTER DATABASE `live` CHARACTER SET latin1 COLLATE latin1_bin ;;
/*!50106 CREATE*/ /*!50117 DEFINER=%s*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1 */ ;;
DELIMITER ;
"""


def split(text):
    return [line.encode() for line in text.splitlines(keepends=True)]


def dump(user):
    return split("SET NAMES utf8mb4;\n" + TABLE + DEFINED % (user, user, user) + EVENTS % user)


def of(part, lines):
    return b"".join(line for found, line in lines if found == part).decode()


def test_another_definer_and_the_live_database_are_named_no_more_but_in_rows_and_bodies():
    parts = list(dump_lines.parts(dump(OTHER), MINE.encode()))
    here = "ALTER DATABASE CHARACTER SET latin1"
    defined = (DEFINED % (OTHER, OTHER, OTHER)).replace(f" DEFINER={OTHER}", "")
    assert of(dump_lines.DEFINED, parts) == defined.replace("ALTER DATABASE `live` CHARACTER SET latin1", here)
    events = (EVENTS % OTHER).replace(f" DEFINER={OTHER}", "")
    assert of(dump_lines.EVENT, parts) == events.replace("ALTER DATABASE `live` CHARACTER SET latin1", here)
    assert of(dump_lines.TABLE, parts) == TABLE


def test_ones_own_definer_stays_and_who_only_reads_changes_nothing():
    own = list(dump_lines.parts(dump(MINE), MINE.encode()))
    assert of(dump_lines.DEFINED, own).count(f"DEFINER={MINE}") == 3
    assert [line for _, line in dump_lines.parts(dump(OTHER))] == dump(OTHER)


def test_tables_under_other_names_leave_their_constraints_for_later():
    renamed = dump_lines.Renamed(lambda table: f"`other {table}`".encode())
    assert b"".join(renamed.lines(dump_lines.parts(dump(OTHER), MINE.encode()))).decode() == "SET NAMES utf8mb4;\n" + (
        TABLE.replace("E `t` (", "E `other t` (")
        .replace("INTO `t`", "INTO `other t`")
        .replace("y` */',\n", "y` */'\n")
        .replace("  CONSTRAINT `fk` FOREIGN KEY (`id`) REFERENCES `p` (`id`),\n", "")
        .replace("  CONSTRAINT `pos` CHECK ((`id` > 0))\n", "")
    )
    assert renamed.constraints == {
        "t": ["CONSTRAINT `fk` FOREIGN KEY (`id`) REFERENCES `p` (`id`)", "CONSTRAINT `pos` CHECK ((`id` > 0))"]
    }
